// A cubin's ELF: what each kernel takes of a multiprocessor, and its machine code. The bytes may come
// from a file: every offset is checked, whatever they hold.
#ifndef RUNTIME_CUDA_CUBIN_H
#define RUNTIME_CUDA_CUBIN_H
#include "runtime/cuda/report.h"
#include "runtime/device.h"
#include <stddef.h>

enum { SASS_BYTES = 16 };              // of one instruction, Volta and newer

typedef struct {
    const char *name;                  // in the cubin's bytes, as are the next pointers
    int  registers;                    // per thread
    int  stack;                        // bytes per thread, of the kernel's own frame; spills are there
    int  shared;                       // bytes per block, static; without the driver's on sm_90
    int  barriers;
    int  constant0;                    // bytes of bank 0: launch values, then parameters
    int  most_threads;                 // of a block, as __launch_bounds__ promises; 0: no promise
    const unsigned char *code;         // `instructions` times SASS_BYTES
    int  instructions;
} CubinKernel;

typedef struct {
    CubinKernel *kernels;              // in the order of the file
    int          kernel_count;
    bool         has_lines;            // there is a line table (.debug_line)
} Cubin;

// Keeps pointers into `bytes`. False, with `err` filled, when they are no cubin that is whole.
bool cubin_read(Cubin *c, const void *bytes, size_t size, char err[DEVICE_ERROR]);
void cubin_close(Cubin *c);
const CubinKernel *cubin_kernel(const Cubin *c, const char *name);        // NULL: not there
// Do the ELF and ptxas' own words agree on every kernel? False, with the difference in `err`.
bool cubin_check(const Cubin *c, const Report *r, char err[DEVICE_ERROR]);
#endif
