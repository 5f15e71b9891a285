// cleave: a thin client of the library. One file per verb; this one finds the verb.
#include "cli/verb.h"
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

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        usage(stdout);
        return EXIT_OK;
    }
    char name[24];
    for (int i = 0; i < VERBS; i++)
        if (!strcmp(argv[1], spelled(&verbs[i], name)))
            return verbs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "cleave: unknown verb `%s`\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
