// cleave show ast FILE.net: what the parser understood.
#include "cli/show.h"
#include "cli/verb.h"
#include <setjmp.h>

static int show_tree(Arena *arena, const ShowOptions *o, FILE *out)
{
    Diag diag;
    diag_open(&diag, arena);
    const AstFile *file = front_parse(arena, &diag, o->path);
    diag_print(&diag, stderr, options_colour(o->colour, stderr));
    if (!file)
        return EXIT_INPUT;
    if (o->json)
        ast_print_json(file, out);
    else
        ast_print(file, out);
    return diag.errors ? EXIT_INPUT : EXIT_OK;
}

int show_ast(const ShowOptions *o, FILE *out)
{
    jmp_buf exhausted;
    Arena arena;
    volatile int code = EXIT_RUN;              // set behind setjmp, read after it
    arena_open(&arena, 0, &exhausted);
    if (setjmp(exhausted))
        fprintf(stderr, "cleave: out of memory\n");
    else
        code = show_tree(&arena, o, out);
    arena_close(&arena);
    return code;
}
