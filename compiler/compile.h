// The whole way through the compiler: what every verb that needs more than the front end calls.
#ifndef COMPILE_H
#define COMPILE_H
#include "emit/emit.h"
#include "front/front.h"
#include "pass/distribute.h"
#include "pass/pass.h"

// What a logical device is compiled for, by its name in the file.
typedef struct { const char *device, *target; } DeviceTarget;

typedef struct {
    FrontOptions front;
    const char  *target;           // "avx2", ...; NULL: this machine's best
    const DeviceTarget *of_device; // of devices that have another one; unknown names are passed over
    int          of_device_count;
    const char  *precision;        // "bf16", ...: of a GPU; NULL: the target's, else the train section's
    bool         no_fuse, no_fuse_update, no_memory_reuse;
    int          chunks;           // see PassOptions; 0: for GPUs as many as end a step first, by prediction
    double       link, latency;    // from GPU to GPU, for that: bytes a second and seconds; 0: as below
    const char  *plan;             // a plan file for a GPU's tiles, or NULL
    int          tile_rank;        // see plan_set_rank; 0: 1
    const char  *override;         // a folder of edited kernel texts, or NULL
    const char  *stop_after;       // a pass: leaves the graph as it is after it, makes no program
    Distribution distribution;     // over `devices` devices; the file's unless set
    int          devices;
    unsigned     modes;            // 1 << GRAPH_TRAIN | ...: which sequences to make
} CompileOptions;

// PCIe 5.
#define COMPILE_LINK 50e9
#define COMPILE_LATENCY 5e-6

// How long the stages took, in seconds, over all modes.
typedef struct { double front, passes, emit; } CompileTimes;

// What a compilation leaves; all of it lives in its own arena until compile_close.
typedef struct {
    Arena    arena;
    jmp_buf  exhausted;
    Diag     diag;
    AstFile *ast;
    Recipe   recipe;
    Graph   *graphs[3];            // by GraphMode; NULL when not asked for or not reached
    Program *program;              // NULL when stopped before
    CompileTimes times;
    int      chunks;               // see PassOptions
    bool     misuse;               // the target or its precision makes no sense; `err` says so
    bool     refused;              // the net does not admit the distribution; `err` says why
    char     err[PROGRAM_ERROR];   // an error that is not in the file: out of memory, internal
} Compilation;

// True when everything that was asked for was made. False: see diag, then err. Always followed by
// compile_close.
bool compile_file(Compilation *c, const CompileOptions *o, const char *path);
void compile_close(Compilation *c);
#endif
