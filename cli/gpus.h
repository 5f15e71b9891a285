// The GPUs that a verb runs on: virtual ones, or those of the machine.
#ifndef CLI_GPUS_H
#define CLI_GPUS_H
#include "cli/run.h"

enum { GPUS_TARGET = 32, GPUS_NAME = 80 };

// What a verb compiles for.
typedef struct {
    const char  *all;                  // NULL: this machine's CPU
    DeviceTarget of_device[PROGRAM_DEVICES];       // that the map puts on the other kind
    int          count;
    char         room[GPUS_TARGET], names[PROGRAM_DEVICES][GPUS_NAME];     // what the others point to
} GpusTargets;

// Readies what --virtual-gpus, --check, --vgpu-seed, --target and --map ask for, before anything is compiled.
// A map may put some devices on CPUs and others on GPUs: those of the kind that --target does not name are
// compiled for this machine's first GPU or for its CPU. Prints what is wrong; EXIT_OK or the verb's code.
int gpus_choose(const RunOptions *o, GpusTargets *to);
// How many GPUs there are for the target of all that gpus_choose has given; 0: a CPU, or no driver answers.
int gpus_count(const RunOptions *o, const char *target);
// How many faults the virtual GPUs have reported so far.
int gpus_reports(const RunOptions *o);
// A function of the library of virtual GPUs that is loaded; NULL: it has none of that name.
void *gpus_symbol(const char *name);
// The exit code of a verb that ran: what the virtual GPUs found makes it EXIT_RUN, and says so.
int gpus_end(const RunOptions *o, int code);
#endif
