// cleave: a thin client of the library. One file per verb; this one finds the verb.
#include "cli/verb.h"
#include "base/text.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const Verb verbs[] = {
#define VERB(name, what) { #name, what, verb_##name },
#include "cli/verbs.def"
#undef VERB
};
enum { VERBS = sizeof verbs / sizeof *verbs };

// "why_not" as people write it.
static const char *spelled(const Verb *v, char to[24])
{
    snprintf(to, 24, "%s", v->name);
    for (char *c = to; *c; c++)
        *c = *c == '_' ? '-' : *c;
    return to;
}

static void usage(FILE *out)
{
    char name[24];
    fprintf(out, "usage: cleave VERB [options] FILE.net\n\n");
    for (int i = 0; i < VERBS; i++)
        fprintf(out, "  %-10s %s\n", spelled(&verbs[i], name), verbs[i].what);
    fprintf(out, "\ncleave VERB --help tells more. Example: cleave check nets/alexnet.net\n");
}

static const Verb *find_verb(const char *given)
{
    char name[24];
    for (int i = 0; i < VERBS; i++)
        if (!strcmp(given, spelled(&verbs[i], name)))
            return &verbs[i];
    return NULL;
}

static void say_unknown(const char *given)
{
    const char *names[VERBS];
    char name[24];
    for (int i = 0; i < VERBS; i++)
        names[i] = verbs[i].name;
    const char *nearest = text_nearest(given, names, VERBS);
    fputs("cleave: unknown verb `", stderr);
    text_print_safe(stderr, given, (int)strlen(given));
    fputs(nearest ? "`; did you mean `" : "`\n", stderr);
    for (int i = 0; nearest && i < VERBS; i++)
        if (verbs[i].name == nearest)
            fprintf(stderr, "%s`?\n", spelled(&verbs[i], name));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    bool help = !strcmp(argv[1], "help");
    if (help && argc > 2 && find_verb(argv[2])) {            // cleave help train
        char *const again[] = { argv[2], "--help", NULL };
        memcpy(argv, again, sizeof again);
        return find_verb(argv[0])->run(2, argv);
    }
    if (help || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        usage(stdout);
        return EXIT_OK;
    }
    if (!strcmp(argv[1], "--version"))
        argv[1] += 2;
    const Verb *verb = find_verb(argv[1]);
    if (verb)
        return verb->run(argc - 1, argv + 1);
    say_unknown(argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
