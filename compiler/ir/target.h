// What a program is made for: an instruction set of CPUs, or an architecture of NVIDIA GPUs. The
// passes and emit/ ask it for facts; emit/target.c has the table.
#ifndef IR_TARGET_H
#define IR_TARGET_H
#include "tensor/layout.h"

typedef enum { TARGET_CPU, TARGET_CUDA, TARGET_KINDS } TargetKind;

typedef struct Target {
    const char *name;          // "cpu:avx512", "cuda:sm_90a:bf16"
    TargetKind  kind;
    int         vector;        // elements that stand side by side: floats of a register on a CPU,
                               // what contractions read of a 16-byte access on a GPU
    int         registers;     // CPU: vector registers
    bool        has_fma;       // CPU: a multiply-add is one instruction
    const char *flags;         // of the kernels' compiler, separated by single spaces
    int         compute;       // GPU: the compute capability, 80 for 8.0
    Element     matrix;        // what contractions read
} Target;

// The best one this machine's CPU runs, found at run time (CPUID), never at build time.
const Target *target_native(void);
// "avx2" and "cpu:avx2", "sm_80" and "cuda:sm_80" are the same; GPUs compute in tf32 unless the name
// goes on ":fp32" or ":bf16", CPUs in floats unless it goes on ":tf32" ("cpu:tf32": this machine's best):
// they then round where GPUs do, which makes them a GPU's reference. NULL: unknown.
const Target *target_find(const char *name);
// "fp32", "tf32" or "bf16"; false: no such precision.
bool target_precision(const char *word, Element *matrix);
// The same machine with another precision; NULL: it has no such kernels.
const Target *target_with(const Target *t, Element matrix);
#endif
