// cleave show ast FILE.net [LAYER|LINE]: what the parser understood; of a layer what it was made from, of a
// line what lies on it.
#include "cli/report.h"
#include "cli/verb.h"
#include "look/tree.h"

typedef struct { const ShowOptions *show; FILE *out; } AstOptions;

static void print_tree(const AstFile *file, const ShowOptions *o, FILE *out)
{
    if (o->json)
        ast_print_json(file, out);
    else
        ast_print(file, out);
}

static int show_tree(Arena *arena, const char *path, const void *options)
{
    const AstOptions *o = options;
    Diag diag;
    diag_open(&diag, arena);
    const AstFile *file = front_parse(arena, &diag, path);
    diag_print(&diag, stderr, options_colour(o->show->colour, stderr));
    if (!file)
        return EXIT_INPUT;
    About about = about_read(o->show->about);
    if (!report_is_there(&diag, NULL, path, o->show->about))
        return EXIT_USAGE;
    AstFile some = look_tree(file, &about, NULL);
    print_tree(&some, o->show, o->out);
    return diag.errors ? EXIT_INPUT : EXIT_OK;
}

// Only a compiled file knows its layers; a line or the whole is shown of a file with mistakes, too.
static int print_layer(Compilation *c, const ShowOptions *o, FILE *out)
{
    About about = about_read(o->about);
    AstFile some = look_tree(c->ast, &about, c->graphs[GRAPH_PREDICT]);
    print_tree(&some, o, out);
    return EXIT_OK;
}

int show_ast(const ShowOptions *o, FILE *out)
{
    AstOptions options = { o, out };
    if (about_read(o->about).kind == ABOUT_LAYER)
        return report_compiled(o, 1u << GRAPH_PREDICT, pass_pipeline[0].name, print_layer, out);
    return verb_in_arena(show_tree, o->path, &options);
}
