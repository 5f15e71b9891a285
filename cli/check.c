// cleave check FILE.net: reports what is wrong with a file, all of it, whether used or not.
#include "cli/options.h"
#include "cli/verb.h"

typedef struct {
    bool        json;
    const char *colour;
    Pairs       set;
} CheckOptions;

static int check_file(Arena *arena, const char *path, const void *options)
{
    const CheckOptions *o = options;
    Diag diag;
    diag_open(&diag, arena);
    FrontOptions front = options_front(NULL, 0, 1, &o->set);
    AstFile *file = front_parse(arena, &diag, path);
    if (file)
        front_check(file, &front, arena, &diag);
    if (o->json)
        diag_print_json(&diag, stdout);
    else
        diag_print(&diag, stderr, options_colour(o->colour, stderr));
    return diag.errors ? EXIT_INPUT : EXIT_OK;
}

int verb_check(int argc, char **argv)
{
    CheckOptions o = {0};
    Option options[] = { SHOW_JSON(&o.json), SHOW_COLOUR(&o.colour), WITH_SET(&o.set) };
    Usage usage = { .verb = "check", .operands = "FILE.net", .least = 1, .most = 1,
                    .what = "Reports every mistake of a file; prints nothing when there is none.",
                    .example = "cleave check nets/alexnet.net",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    return verb_in_arena(check_file, argv[first], &o);
}
