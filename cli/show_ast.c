// cleave show ast FILE.net: what the parser understood.
#include "cli/show.h"
#include "cli/verb.h"

typedef struct { const ShowOptions *show; FILE *out; } AstOptions;

static int show_tree(Arena *arena, const char *path, const void *options)
{
    const AstOptions *o = options;
    Diag diag;
    diag_open(&diag, arena);
    const AstFile *file = front_parse(arena, &diag, path);
    diag_print(&diag, stderr, options_colour(o->show->colour, stderr));
    if (!file)
        return EXIT_INPUT;
    if (o->show->json)
        ast_print_json(file, o->out);
    else
        ast_print(file, o->out);
    return diag.errors ? EXIT_INPUT : EXIT_OK;
}

int show_ast(const ShowOptions *o, FILE *out)
{
    AstOptions options = { o, out };
    return verb_in_arena(show_tree, o->path, &options);
}
