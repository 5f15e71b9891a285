// What runs PTX in bench/vgpu.c: our interpreter (vgpu_engine.c) or the prototype (vgpu_prototype.c).
#ifndef BENCH_VGPU_ENGINE_H
#define BENCH_VGPU_ENGINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool     engine_open(void);
uint64_t engine_alloc(size_t bytes);                     // an address on the device; 0: no memory
void    *engine_host(uint64_t at, size_t bytes);         // where the host may write it
void    *engine_load(const char *ptx);                   // a module; NULL, and said why: not understood
void     engine_unload(void *module);
// Runs a kernel on one thread of the host. False: it failed or reported something, and that was said.
bool     engine_launch(void *module, const char *kernel, const unsigned grid[2], unsigned threads,
                       const void **params, bool check, uint64_t *warp_instructions);
#endif
