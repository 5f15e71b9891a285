// The GPUs that a verb runs on: virtual ones, or those of the machine.
#ifndef CLI_GPUS_H
#define CLI_GPUS_H
#include "cli/run.h"

enum { GPUS_TARGET = 32 };

// Readies what --virtual-gpus, --check, --vgpu-seed and --target ask for, before anything is compiled.
// *target is what to compile for, which may lie in `room`; NULL: this machine's CPU. Prints what is wrong;
// EXIT_OK or the verb's exit code.
int gpus_choose(const RunOptions *o, char room[GPUS_TARGET], const char **target);
// How many GPUs there are for a target that gpus_choose has given; 0: it is a CPU, or no driver answers.
int gpus_count(const RunOptions *o, const char *target);
// How many faults the virtual GPUs have reported so far.
int gpus_reports(const RunOptions *o);
// A function of the library of virtual GPUs that is loaded; NULL: it has none of that name.
void *gpus_symbol(const char *name);
// The exit code of a verb that ran: what the virtual GPUs found makes it EXIT_RUN, and says so.
int gpus_end(const RunOptions *o, int code);
#endif
