// CUDA texts -> PTX, cubins and what is known of their kernels: several at a time, from the kernel cache
// where it holds them. A kernel that keeps registers in memory is refused: it would run, but slowly.
#ifndef RUNTIME_CUDA_BUILD_H
#define RUNTIME_CUDA_BUILD_H
#include "runtime/cuda/cubin.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/report.h"

typedef struct {
    const char *name;                  // in messages: "kernels-2.cu"
    const char *arch;                  // "sm_80", "sm_90a"
    const char *text;
} CudaUnit;

// A kernel that may spill or have a stack frame, and why that is right.
typedef struct {
    const char *kernel;                // a pattern of fnmatch: "k*_lrn_any"
    const char *reason;                // empty: the row does not count
} SpillAllowance;

typedef struct {
    NvrtcStop stop;                    // asked by several threads at a time
    int       threads;                 // that compile; 0: as many as this process has CPUs
    double    most_seconds;            // for one unit; 0: any
    bool      without_cache;
    const SpillAllowance *allowed;
    int       allowed_count;
} CudaBuildOptions;

typedef enum {
    BUILD_GOOD,
    BUILD_REFUSED,                     // the text is wrong; `report` has the places
    BUILD_SPILLS,                      // a kernel uses local memory and is not allowed to
    BUILD_STOPPED,                     // by `stop`, or not begun because of it
    BUILD_FAILED                       // anything else: time, memory, NVRTC itself
} CudaBuildStatus;

// What became of one unit. Everything that there is may be looked at, whatever the status.
typedef struct {
    CudaBuildStatus status;
    bool        from_cache;
    double      seconds;               // that NVRTC took; 0 from the cache
    NvrtcOutput out;
    Report      report;
    Cubin       cubin;                 // leads into `out`
    char        err[DEVICE_ERROR];     // when the status is not BUILD_GOOD
} CudaBuilt;

// Builds all units, the good ones also when others fail. `n` was found by nvrtc_find; it is loaded if
// the cache lacks a unit. `built` has `count` entries, which cuda_built_close frees in any case. False:
// not all are good; `err` has the first message in the order of units.
bool cuda_build(Nvrtc *n, const CudaUnit *units, int count, const CudaBuildOptions *options,
                CudaBuilt *built, char err[DEVICE_ERROR]);
void cuda_built_close(CudaBuilt *built, int count);
#endif
