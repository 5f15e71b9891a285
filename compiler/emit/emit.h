// From graphs to a program: kernel texts (a head above a body of kernels/), tensors, launches,
// commands. The head is all that is printed here; bodies are files.
#ifndef EMIT_EMIT_H
#define EMIT_EMIT_H
#include "ir/group.h"
#include "program/program.h"

// An instruction set of a CPU that kernel texts can be made for.
typedef struct CpuTarget {
    const char *name;          // "cpu:avx512"
    int         vector;        // floats a register
    int         registers;
    bool        has_fma;       // a multiply-add is one instruction
    const char *flags;         // what the C compiler is told: "-mavx512f -mavx512vl ... -mfma"
} CpuTarget;
// The best one this machine runs, found at run time (CPUID), never at build time.
const CpuTarget *cpu_target_native(void);
const CpuTarget *cpu_target_find(const char *name);    // NULL: unknown; "avx2" and "cpu:avx2" are the same

// The graphs (train, test, predict; at least one) have been through all passes for `target` and
// share their params. Everything lives in `arena`. NULL with `err` filled when something cannot be
// made; that is never the user's fault.
Program *emit_program(Graph *const *graphs, int count, const Recipe *recipe, const CpuTarget *target,
                      Arena *arena, char err[PROGRAM_ERROR]);
#endif
