// What `cleave show` can show: one row of show.def a noun, with its function.
#ifndef CLI_SHOW_H
#define CLI_SHOW_H
#include "cli/options.h"
#include "compile.h"

// What the command line says; each noun reads what concerns it.
typedef struct {
    const char *path;
    const char *about;         // the layer or line named behind the file, or NULL
    const char *other;         // why-not: the second of them
    const char *after;         // show graph --after PASS
    const char *mode;          // show graph --mode MODE
    const char *net, *target, *precision, *plan, *override, *colour;
    const char *map;           // show timeline: who runs where
    int64_t     batch, seed, chunks;
    int64_t     threads, steps;                            // show timeline
    int64_t     link, latency;                             // show timeline, show split
    int64_t     devices;                                   // show split; 0: as many as the file has
    Pairs       set;
    bool        json, svg;
} ShowOptions;

// Prints to `out`; returns the exit code of the verb.
#define NOUN(name, what) int show_##name(const ShowOptions *o, FILE *out);
#include "cli/show.def"
#undef NOUN
#endif
