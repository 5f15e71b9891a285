// Options of a verb: a table that is parsed, explained and defaulted in one place.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H
#include "front/front.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
    OPTION_FLAG,               // bool: set to true
    OPTION_TEXT,               // const char *: the argument as it is
    OPTION_COUNT,              // int64_t: a whole number, 0 or more
    OPTION_NUMBER,             // int64_t: a whole number, 1 or more
    OPTION_THREADS,            // int64_t: a whole number, 0 to 1024
    OPTION_DEVICES,            // int64_t: a whole number, 2 to 8
    OPTION_BATCH,              // int64_t: a whole number, 1 to 65536 as in a train section
    OPTION_CHUNKS,             // int64_t: a whole number, 1 to 64
    OPTION_PAIR,               // Pairs: NAME=VALUE, may be given many times
    OPTION_DATA                // Pairs: train=PATH, test=PATH, or the name of a data section
} OptionKind;

enum { MOST_PAIRS = 64 };
typedef struct { Override items[MOST_PAIRS]; int count; const char *section; } Pairs;

typedef struct {
    const char *name;          // without the dashes
    OptionKind  kind;
    void       *value;         // where it goes; holds the default before
    const char *argument;      // "N", "NAME=VALUE"; NULL for a flag
    const char *what;          // one line for --help
    const char *by_default;    // how --help puts the default
} Option;

// The options that several verbs share; each takes the address of its value.
#define SHOW_JSON(v)    { "json", OPTION_FLAG, v, NULL, "print JSON instead of text", "off" }
#define SHOW_COLOUR(v)  { "color", OPTION_TEXT, v, "WHEN", "colour: auto, always or never", "auto" }
#define WITH_NET(v)     { "net", OPTION_TEXT, v, "NAME", "which net of the file", \
                          "the one that `train` names" }
#define WITH_TARGET(v)  { "target", OPTION_TEXT, v, "TARGET", \
                          "cpu:sse2|avx2|avx512|neon[:tf32], cuda[:sm_80|86|89|90a][:fp32|bf16]", \
                          "this machine's best" }
#define WITH_PRECISION(v) { "precision", OPTION_TEXT, v, "WORD", \
                          "what GPUs multiply in: fp32, tf32 or bf16", \
                          "the target's, else the file's, else tf32" }
#define WITH_PLAN(v)    { "plan", OPTION_TEXT, v, "FILE", "tiles of CUDA kernels, over the cost model's", \
                          "none" }
#define WITH_OVERRIDE(v) { "override", OPTION_TEXT, v, "DIR", \
                          "edited kernel texts over the generated ones", "none" }
#define WITH_BATCH(v)   { "batch", OPTION_BATCH, v, "N", "images a step", "the file's" }
#define WITH_CHUNKS(v)  { "chunks", OPTION_CHUNKS, v, "N", "maps cross between devices in so many runs of " \
                          "images", "1, or what the clock says for GPUs" }
#define WITH_STEPS(v)   { "steps", OPTION_NUMBER, v, "N", "stop after so many steps", "the file's" }
#define WITH_SET(v)     { "set", OPTION_PAIR, v, "NAME=VALUE", "put a setting over the file's", "none" }
#define WITH_DATA(v)    { "data", OPTION_DATA, v, "WHAT", "train=PATH or test=PATH: where data lie; " \
                          "NAME: another data section of the file", "the file's" }
#define WITH_MAP(v)     { "map", OPTION_TEXT, v, "A=D,...", "which logical device runs where", \
                          "all on cpu" }
#define WITH_GPUS(o) \
    { "virtual-gpus", OPTION_COUNT, &(o).virtual_gpus, "N", "run CUDA on so many virtual GPUs", "none" }, \
    { "check", OPTION_FLAG, &(o).check, NULL, "GPUs: watch memory and order; name the launch of a fault", \
      "off" }, \
    { "vgpu-seed", OPTION_COUNT, &(o).vgpu_seed, "S", "in which order virtual GPUs do what may be done in " \
      "any", "0" }, \
    { "no-graphs", OPTION_FLAG, &(o).no_graphs, NULL, "GPUs: enqueue every step anew", "off" }
#define WITH_THREADS(v) { "threads", OPTION_THREADS, v, "N", "threads to compute with", "all cores" }
#define WITH_FILE_SEED(v) { "seed", OPTION_COUNT, v, "N", "seed of all random numbers", "the file's, else 1" }
#define WITH_SEED(v)    { "seed", OPTION_COUNT, v, "N", "seed of all random numbers", "1" }

typedef struct {
    const char   *verb, *operands;         // "check", "FILE.net"
    const char   *what;                    // one sentence
    const char   *example;                 // a whole command line
    int           least, most;             // operands
    const Option *options;
    int           option_count;
} Usage;

// Fills the values. True: the operands are argv[*first] .. argv[argc - 1] (argv may be reordered).
// False: the verb ends with *code; help or what is wrong has been printed.
bool options_parse(const Usage *u, int argc, char **argv, int *first, int *code);
// Whether to colour what goes to `out`: `when` is the value of --color. NO_COLOR is honoured.
bool options_colour(const char *when, FILE *out);
// What --set, --batch, --seed (below 0: not given) and --net mean to the front end.
FrontOptions options_front(const char *net, int64_t batch, int64_t seed, const Pairs *set);
#endif
