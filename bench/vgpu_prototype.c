// The prototype that lies beside the repository, as bench/vgpu.c drives it. Built by bench/vgpu.sh only.
#include "bench/vgpu_engine.h"
#include "ptxemu.h"
#include <stdio.h>

static struct pe_dev *device;

bool engine_open(void) { return (device = pe_dev_new(0, (size_t)1 << 30)) != NULL; }

uint64_t engine_alloc(size_t bytes) { return pe_alloc(device, bytes); }

void *engine_host(uint64_t at, size_t bytes) { return pe_host(at, bytes, 1); }

void *engine_load(const char *ptx)
{
    char err[300];
    struct pe_module *m = pe_load(ptx, err, sizeof err);
    if (!m)
        fprintf(stderr, "%s\n", err);
    return m;
}

void engine_unload(void *module) { pe_unload(module); }

bool engine_launch(void *module, const char *kernel, const unsigned grid[2], unsigned threads,
                   const void **params, bool check, uint64_t *warp_instructions)
{
    unsigned g[3] = { grid[0], grid[1], 1 }, b[3] = { threads, 1, 1 };
    pe_counts(1);
    int flags = check ? PE_CHECK : 0;
    int failed = pe_launch(device, pe_get(module, kernel), g, b, 0, (void **)params, flags, 1, 1);
    if (warp_instructions)
        *warp_instructions = pe_counts(0).warp_instr;
    if (pe_nreports())
        fprintf(stderr, "%s\n", pe_report(0));
    return !failed && !pe_nreports();
}
