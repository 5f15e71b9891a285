// Nets whose kernels are judged by cuda_case.h, each in a process of its own.
#ifndef REFERENCE_CUDA_JOBS_H
#define REFERENCE_CUDA_JOBS_H
#include "reference/cuda_case.h"
#include "reference/small_net.h"

typedef struct CudaNet {
    const char *name;
    void      (*build)(SmallNet *s, unsigned with);
    unsigned    with;
    int         batch;
    bool        fuse, fuse_update;
    unsigned    quick, precisions; // 1 << ELEMENT_FLOAT | ...: in every run, and in the long one
} CudaNet;

extern const CudaNet cuda_nets[];  // ended by name NULL

typedef struct {
    const CudaNet *nets;
    bool   all;                    // the long run
    int    failed, kernels;        // from here on the results
    int    runs[64];               // by row of cuda_bodies
    double seconds;
} CudaJobs;

// Opens a net in one precision: its graph through all passes, the evaluator's values. Lives in s->arena.
void cuda_net_open(const CudaNet *net, Element precision, Nvrtc *nvrtc, SmallNet *s, CudaCase *c);
// "bf16"
const char *cuda_precision(Element e);

// Says on the terminal what failed. False when there is no NVRTC.
bool cuda_jobs_run(CudaJobs *jobs);
#endif
