// Kernels of the CUDA target judged by numbers: compiled by NVRTC, run on the virtual GPU with everything
// watched, compared with the evaluator's doubles from the same rounded inputs.
#ifndef REFERENCE_CUDA_CASE_H
#define REFERENCE_CUDA_CASE_H
#include "evaluate/evaluate.h"
#include "emit/cuda/plan.h"
#include "reference/cuda_text.h"

typedef struct CudaCase {
    Arena          *arena;
    const Graph    *graph;         // has been through all passes for the target
    const Target   *target;
    Evaluator      *evaluator;     // frozen, has run
    const Nvrtc    *nvrtc;
    const CudaPlan *plan;          // NULL: the model chooses
    int             kernels;       // counts what was run
} CudaCase;

// Runs all kernels of a group with a contraction; fails the test unless what it leaves is right, padding is
// zero, memory was used as it should be and ptxas spilled nothing. Returns the group's row of a plan.
const char *cuda_case_check(CudaCase *c, Group *group);
#endif
