// Machine code: which instructions a kernel is made of, counted from the cubin alone; the full text by
// nvdisasm where the machine has it.
#ifndef RUNTIME_CUDA_SASS_H
#define RUNTIME_CUDA_SASS_H
#include "runtime/cuda/cubin.h"
#include <limits.h>

enum { SASS_OPCODES = 512 };

typedef struct {
    int         opcode;                // the smallest of those that share the name
    const char *name;                  // "HMMA"; NULL: not in sass.def
    const char *meaning;               // NULL with it
    int         count;
} SassCount;

// The instructions of a kernel by name, the most frequent first; returns how many rows `to` got.
int sass_count(const CubinKernel *k, SassCount to[SASS_OPCODES]);
// How many instructions of a name it holds ("LDL").
int sass_instructions(const CubinKernel *k, const char *name);

// Finds nvdisasm: PATH, then bin of CUDA_HOME, CUDA_PATH, /usr/local/cuda. False, with what to install.
bool sass_find_nvdisasm(char path[PATH_MAX], char err[DEVICE_ERROR]);
// The text of a cubin by that program, with the source lines between; free() it. NULL: `err` says why.
char *sass_disassemble(const char *nvdisasm, const void *cubin, size_t size, char err[DEVICE_ERROR]);
#endif
