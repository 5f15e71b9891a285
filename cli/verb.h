// The verbs of the command line and what they share.
#ifndef CLI_VERB_H
#define CLI_VERB_H
#include "base/arena.h"

// docs/cli.md: the exit codes of every verb. 128 + n: ended by signal n.
enum {
    EXIT_OK        = 0,
    EXIT_RUN       = 1,        // the run failed
    EXIT_USAGE     = 2,
    EXIT_INPUT     = 3,        // a bad input file: .net, weights, data
    EXIT_MACHINE   = 4,        // a device, driver or compiler is missing or fails
    EXIT_NUMERICAL = 5         // NaN or infinity stopped the run
};

typedef struct {
    const char *name, *what;
    int       (*run)(int argc, char **argv);       // argv[0] is the verb; returns the exit code
} Verb;

// What a verb does with a file, in an arena that is opened and closed around it; returns the exit
// code. `options` are the verb's own.
typedef int VerbBody(Arena *arena, const char *path, const void *options);
int verb_in_arena(VerbBody *body, const char *path, const void *options);

#define VERB(name, what) int verb_##name(int argc, char **argv);
#include "cli/verbs.def"
#undef VERB
#endif
