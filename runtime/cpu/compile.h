// Kernel units -> functions: by the machine's C compiler, in child processes, or from the cache.
#ifndef RUNTIME_CPU_COMPILE_H
#define RUNTIME_CPU_COMPILE_H
#include "runtime/device.h"
#include <limits.h>

enum { COMPILER_WORDS = 8 };

// $CC (it may hold arguments: "ccache gcc") or the first of cc, gcc, clang on PATH.
typedef struct {
    char  text[512];                       // the words, each ended by 0
    char *words[COMPILER_WORDS + 1];
    int   count;
    char  identity[1024];                  // resolved path, size, time: changes when it is replaced
} CpuCompiler;

typedef void CpuKernel(void *const *t, long item, void *scratch);

typedef struct { void *library; bool from_cache; } CpuUnit;

// False, with what to install in `err`, when there is none.
bool cpu_compiler_find(CpuCompiler *c, char err[DEVICE_ERROR]);
// Loads one library per unit of the program (those that are not for a CPU stay NULL), compiling
// what the cache does not hold, all at once. `units` has program->unit_count entries.
bool cpu_units_open(const Program *p, CpuUnit *units, char err[DEVICE_ERROR]);
void cpu_units_close(CpuUnit *units, int count);
// Does this machine run texts for the target "cpu:avx512", ...?
bool cpu_runs_target(const char *target);
#endif
