// Kernels of the CUDA target judged by numbers: compiled by NVRTC, run on the virtual GPU with everything
// watched, compared with the evaluator's doubles from the same rounded inputs.
#ifndef REFERENCE_CUDA_CASE_H
#define REFERENCE_CUDA_CASE_H
#include "evaluate/evaluate.h"
#include "emit/cuda/plan.h"
#include "reference/cuda_text.h"

// What became of a text that somebody has changed.
typedef enum {
    CUDA_RIGHT,                    // nobody has noticed
    CUDA_REPORTED,                 // by the virtual GPU
    CUDA_WRONG,                    // a number, padding, somebody else's memory
    CUDA_REFUSED,                  // NVRTC does not take it
    CUDA_SAME                      // NVRTC makes the same instructions of it
} CudaVerdict;

typedef struct CudaCase {
    Arena           *arena;
    const Graph     *graph;        // has been through all passes for the target
    const Target    *target;
    Evaluator       *evaluator;    // frozen, has run
    Nvrtc           *nvrtc;
    const CudaPlan  *plan;         // NULL: the model chooses
    int              kernels;      // counts what was run
    int              runs[64];     // ... by row of cuda_bodies
    struct CaseRoom *places;       // by node id: of maxima, as forward kernels have left them
    bool             stops;        // a loss that is no number is expected: no number is looked at
    bool             stopped;      // ... or has been there before: parameters must stay as they are
    const char      *changed[2];   // by pass: the text to take instead of the one made; NULL: that one
    const char      *ptx[2];       // by pass: of the last run without a changed text
    jmp_buf         *back;         // where to go with a verdict instead of failing the test; NULL: fail
    CudaVerdict      verdict;
    char             message[800];
} CudaCase;

// Runs all kernels of a group; fails the test unless what it leaves is right, padding is zero, no other byte
// was written, memory was used as it should be and ptxas spilled nothing. Groups that read places of maxima
// want the group that makes them to be run before. Returns the group's row of a plan.
const char *cuda_case_check(CudaCase *c, Group *group);
// Runs the kernel of a group that has a prologue, then the prologue by a kernel of its own and the rest by
// another; fails the test unless both leave the same bits. The group must have been checked before.
void cuda_case_check_prologue(CudaCase *c, Group *group);
// All groups of the graph but copies, in its order.
void cuda_case_check_all(CudaCase *c);
#endif
