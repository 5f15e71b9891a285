// The physical GPUs that a driver knows: what they are, their contexts, who reaches whose memory.
#ifndef CUDA_GPUS_H
#define CUDA_GPUS_H
#include "runtime/cuda/driver.h"

enum { GPUS_MOST = 16, GPU_TARGET = 24 };

typedef struct {
    DriverDevice  device;
    DriverContext context;             // NULL until gpu_retain
    char          name[96];            // "NVIDIA H100 80GB HBM3"
    int           compute;             // the compute capability: 90 for 9.0
    int           most_shared;         // bytes of shared memory that a block may have
} Gpu;

typedef struct {
    Driver driver;
    Gpu    list[GPUS_MOST];
    int    count;
} Gpus;

// Loads the driver and looks at its GPUs. False, with `err` filled, when there is none; gpus_close in any
// case.
bool gpus_open(Gpus *g, char err[DEVICE_ERROR]);
void gpus_close(Gpus *g);                              // releases the contexts
// Retains the primary context of a GPU, unless it is held already.
bool gpu_retain(Gpus *g, int gpu, char err[DEVICE_ERROR]);
// Makes its context the calling thread's.
bool gpu_enter(const Gpus *g, int gpu, char err[DEVICE_ERROR]);
// Lets `gpu` reach the memory of `peer`, both retained. *can: whether it does from now on.
bool gpu_reach(const Gpus *g, int gpu, int peer, bool *can, char err[DEVICE_ERROR]);
// The target for a GPU: "cuda:sm_90a", the newest architecture that it runs.
void gpu_target(const Gpu *g, char to[GPU_TARGET]);
#endif
