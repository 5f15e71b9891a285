// Training steps in a process of their own, on the CPU or on virtual GPUs: the virtual library takes what it
// is from the environment, once.
#ifndef REFERENCE_GPU_RUN_H
#define REFERENCE_GPU_RUN_H
#include "runtime/session.h"

enum { GPU_RUN_STEPS = 4, GPU_RUN_MOST = 5, GPU_RUN_SAID = 8192 };

typedef struct GpuResult GpuResult;
typedef struct {
    const char *path, *target;         // a .net file; "sm_80:fp32"
    const char *plan;                  // a file, or NULL
    SessionOptions options;
    int         chunks;                // as in CompileOptions
    int         devices;               // virtual GPUs
    bool        check;
    int         seed;                  // of the order in which they work
    const char *fail;                  // "cuMemAlloc:2:2": the second call ends with code 2; NULL: none
    int         memory;                // MiB of each GPU; 0: many
    float       scale;                 // of the images; 0: 1
    int         steps;                 // at most GPU_RUN_MOST; 0: GPU_RUN_STEPS
    bool        each;                  // bits are of all steps, not of the last alone
    // Before every call of the driver: the code it is to end with. May fork; each process judges its own end.
    unsigned  (*on_call)(const char *function, long count, const GpuResult *so_far);
    void      (*opened)(Program *, Session *); // before the first step
    bool      (*judge)(const GpuResult *);     // false: the process fails
    bool        anew;                  // no run leaves out what refreshes: copies are made in every one
    bool        halves;                // behind the second step the host halves all parameters
    bool        tests;                 // behind every step the same images are tested
} GpuRun;

typedef enum { GPU_RUN_DONE, GPU_RUN_REFUSED, GPU_RUN_CRASHED } GpuRunEnd;

struct GpuResult {
    GpuRunEnd end;
    bool      has_failed;              // the device says so
    bool      opened;                  // the session was
    int       steps;                   // that were run
    double    loss[GPU_RUN_MOST], tested[GPU_RUN_MOST];
    bool      stopped[GPU_RUN_MOST];
    uint64_t  bits;                    // of all parameters and velocities after the last step, or each
    int64_t   copied;                  // bytes
    char      err[SESSION_ERROR];
    char      said[GPU_RUN_SAID];      // standard error; VGPU_CALLS is on
};

// Is there an NVRTC? Without one there is nothing to run.
bool gpu_run_possible(void);
// Runs GPU_RUN_STEPS steps on made-up images. Fails the test when no process can be had.
void gpu_run(const GpuRun *r, GpuResult *to);
// Writes a plan that leaves fully connected layers, forward and input gradient, to cuBLAS. How many rows it
// has.
int  gpu_run_plan(const char *path, const char *target, const char *to);
int  gpu_run_reports(const GpuResult *r);              // lines that report a fault
#endif
