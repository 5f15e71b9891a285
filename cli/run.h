// What verbs that run a net share: options, compiling with the diagnostics printed, a session.
#ifndef CLI_RUN_H
#define CLI_RUN_H
#include "cli/options.h"
#include "cli/verb.h"
#include "compile.h"
#include "runtime/refusals.h"
#include "runtime/session.h"

typedef struct {
    const char *path, *net, *target, *precision, *plan, *override, *map, *colour;
    int64_t     batch, seed, threads, virtual_gpus, vgpu_seed, tile_rank, chunks;
    Pairs       set, data;
    bool        no_fuse, no_memory_reuse, check, no_graphs, batch_grows;
} RunOptions;

// Compiles; prints what is wrong. EXIT_OK or the verb's exit code. Always followed by compile_close.
int      run_compile(Compilation *c, const RunOptions *o, unsigned modes);
// Prints why when it returns NULL.
Session *run_open(const Compilation *c, const RunOptions *o);
// Says in a line for each pair of devices that exchange values how these go: on GPUs; else nothing.
void     run_tell_ways(Session *s);
// Closes a session and returns the verb's exit code: EXIT_RUN becomes EXIT_MACHINE where the device failed.
int      run_close(Session *s, const RunOptions *o, int code);
// Prints what the runtime refuses in a legal file, with its fix.
void     run_refuse(Compilation *c, const Refused *no, const char *colour);
// Prints a fault of the data at the stage that names them.
void     run_fault(Compilation *c, Span at, const char *text, const char *colour);
bool     run_takes_images(Compilation *c, const char *colour);         // prints why not
// Makes a folder and those that it lies in; prints why when it cannot be written to.
bool     run_make_folder(const char *path);
const char *run_data_path(const RunOptions *o, const char *name);       // --data name=PATH; NULL
char       *run_folder(const char *path, char *to, size_t size);        // of a file, without the slash
#endif
