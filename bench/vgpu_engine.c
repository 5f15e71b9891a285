// Our interpreter, as bench/vgpu.c drives it.
#include "bench/vgpu_engine.h"
#include "runtime/vgpu/vgpu.h"
#include <stdlib.h>
#include <string.h>

static VgpuMemory *memory;

bool engine_open(void) { return (memory = vgpu_memory_open()) != NULL; }

uint64_t engine_alloc(size_t bytes)
{
    void *at = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!at || !vgpu_memory_add(memory, at, bytes, "buffer"))
        return 0;
    memset(at, 0, bytes);
    return (uint64_t)(uintptr_t)at;
}

void *engine_host(uint64_t at, size_t bytes)
{
    (void)bytes;
    return (void *)(uintptr_t)at;
}

void *engine_load(const char *ptx)
{
    char err[VGPU_ERROR];
    VgpuModule *m = vgpu_module_load(ptx, err);
    if (!m)
        fprintf(stderr, "%s\n", err);
    return m;
}

void engine_unload(void *module) { vgpu_module_close(module); }

bool engine_launch(void *module, const char *kernel, const unsigned grid[2], unsigned threads,
                   const void **params, bool check, uint64_t *warp_instructions)
{
    char err[VGPU_ERROR];
    VgpuLaunch l = { .grid = { grid[0], grid[1], 1 }, .block = { threads, 1, 1 }, .params = params,
                     .check = check, .memory = memory, .warp_steps = warp_instructions };
    bool ok = vgpu_launch(module, kernel, &l, err);
    if (!ok)
        fprintf(stderr, "%s\n", err);
    return ok;
}
