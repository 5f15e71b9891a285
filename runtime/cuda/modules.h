// The kernels of a program on physical GPUs: built, or from the cache, and loaded.
#ifndef CUDA_MODULES_H
#define CUDA_MODULES_H
#include "runtime/cuda/gpus.h"

typedef struct {
    int            gpus, units;
    DriverModule  *modules;            // by GPU, then unit; the unit behind the last is move.h's
    bool           is_ptx;             // the driver takes no cubin of ours: it was given PTX
} Modules;

// Builds all units and loads them on every GPU whose `used` is set. False, with `err` filled;
// modules_close in any case, while the contexts live.
bool modules_open(Modules *m, const Program *p, const Gpus *g, const bool *used, char err[DEVICE_ERROR]);
void modules_close(Modules *m, const Gpus *g);
// The function of a kernel; `unit` may be modules->units, for the mover's kernels.
bool modules_find(const Modules *m, const Gpus *g, int gpu, int unit, const char *symbol,
                  DriverFunction *function, char err[DEVICE_ERROR]);
#endif
