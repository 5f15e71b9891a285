// cleave compile FILE.net -o DIR: writes every kernel text and the program into a folder.
#include "cli/run.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "cleave: %s: %s\n", path, strerror(errno));
    return false;
}

static FILE *create(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    errno = ENAMETOOLONG;
    FILE *f = length < (int)sizeof path ? fopen(path, "w") : NULL;
    if (!f)
        fprintf(stderr, "cleave: %s/%s: %s\n", folder, name, strerror(errno));
    return f;
}

static bool finish(FILE *f, const char *name)
{
    bool written = !ferror(f);
    if (fclose(f) == 0 && written)
        return true;
    fprintf(stderr, "cleave: %s could not be written: %s\n", name, strerror(errno));
    return false;
}

static bool write_unit(const KernelUnit *unit, const char *folder)
{
    FILE *f = create(folder, unit->name);
    if (!f)
        return false;
    fputs(unit->text, f);
    return finish(f, unit->name);
}

static bool write_program(const Program *p, const char *folder)
{
    char err[PROGRAM_ERROR];
    FILE *f = create(folder, "program.json");
    if (!f)
        return false;
    bool saved = program_save(p, f, err);
    if (!saved)
        fprintf(stderr, "cleave: %s\n", err);
    return finish(f, "program.json") && saved;
}

// The plan as people read it: what is launched, in which order, who waits for whom.
static bool write_plan(const Program *p, const char *folder)
{
    FILE *f = create(folder, "program.txt");
    if (!f)
        return false;
    program_print(p, f);
    return finish(f, "program.txt");
}

static bool write_all(const Program *p, const char *folder)
{
    if (!make_folder(folder))
        return false;
    for (int i = 0; i < p->unit_count; i++)
        if (!write_unit(&p->units[i], folder))
            return false;
    return write_program(p, folder) && write_plan(p, folder);
}

int verb_compile(int argc, char **argv)
{
    RunOptions o = { .seed = 1 };
    const char *folder = NULL;
    Option options[] = {
        { "output", OPTION_TEXT, &folder, "DIR", "the folder to write to, also -o", "none" },
        WITH_NET(&o.net), WITH_TARGET(&o.target), WITH_BATCH(&o.batch), WITH_SET(&o.set),
        SHOW_COLOUR(&o.colour),
        { "no-fuse", OPTION_FLAG, &o.no_fuse, NULL, "every node in a kernel of its own", "off" },
    };
    Usage usage = { .verb = "compile", .operands = "FILE.net -o DIR", .least = 1, .most = 1,
                    .what = "Writes the text of every kernel and the program that runs them.",
                    .example = "cleave compile nets/lenet.net -o lenet",
                    .options = options, .option_count = sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    if (!folder) {
        fprintf(stderr, "cleave: compile wants a folder: -o DIR\n");
        return EXIT_USAGE;
    }
    o.path = argv[first];
    Compilation c;
    unsigned modes = 1u << GRAPH_TRAIN | 1u << GRAPH_TEST | 1u << GRAPH_PREDICT;
    code = run_compile(&c, &o, modes);
    if (code == EXIT_OK && !write_all(c.program, folder))
        code = EXIT_RUN;
    compile_close(&c);
    return code;
}
