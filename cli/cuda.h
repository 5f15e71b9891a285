// Building a program's CUDA units for verbs that show or write what became of them.
#ifndef CLI_CUDA_H
#define CLI_CUDA_H
#include "compile.h"
#include "runtime/cuda/build.h"
#include "runtime/cuda/occupancy.h"

typedef struct {
    CudaBuilt *built;              // by unit of the program
    int        count, from_cache;
    bool       no_nvrtc;           // nothing was built for want of it
    double     seconds;
} CudaUnits;

bool cuda_is_for(const Program *p);                    // its kernels are CUDA's
// Compiles all units, or finds them in the cache, and prints what is wrong, with carets into kernels/
// and the .net file. `wanted` by unit: the others are left out; NULL: all. EXIT_OK or the verb's exit
// code; always followed by cuda_units_close.
int  cuda_units_build(const Program *p, const bool *wanted, CudaUnits *u);
void cuda_units_close(CudaUnits *u);
// "sm_90a" of a unit for "cuda:sm_90a:bf16"; lives in `to`.
enum { CUDA_ARCH = 16 };
const char *cuda_arch(const KernelUnit *unit, char to[CUDA_ARCH]);
// The user's path for "source-0.net" of a text; another file's name as it is in the texts.
const char *cuda_file_name(const Program *p, const char *file);
// What a kernel takes of a multiprocessor; bytes of shared memory (of a block, static and dynamic), spills
// and stack (of a thread).
typedef struct { int registers, shared, spills, stack; Occupancy occupancy; } CudaResources;
// False: its unit was not built.
bool cuda_resources(const Program *p, const Kernel *k, const CudaUnits *u, CudaResources *to);
// Of a launch for `why`: the same, and the time predicted with its limiter and share of the roofline. JSON:
// members, each with a comma before it; zeros for what is not known.
void cuda_print_use(const Program *p, const Launch *l, const CudaUnits *u, FILE *out);
void cuda_json_use(const Program *p, const Launch *l, const CudaUnits *u, FILE *out);
// One line a kernel: its tile, threads, registers, shared memory, spills, blocks a multiprocessor holds and
// what keeps it from holding more, the time predicted and what limits that. Kernels that spill are there,
// units that were refused are not.
void cuda_print_table(const Program *p, const CudaUnits *u, FILE *out);
#endif
