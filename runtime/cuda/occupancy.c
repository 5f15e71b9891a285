// Warps get registers in steps of 256, from the quarter of the multiprocessor that they run on; blocks
// get shared memory in steps of 128 bytes, the driver's own included.
#include "runtime/cuda/occupancy.h"
#include <string.h>

enum {
    WARP = 32, QUARTERS = 4, REGISTER_STEP = 256, SHARED_STEP = 128,
    MOST_THREADS = 1024, MOST_REGISTERS = 255
};

static const GpuLimits gpus[] = {
    // arch   warps blocks registers shared      a block     reserved barriers
    { "sm_80", 64,   32,   65536,    164 << 10,  163 << 10,  1024,    0 },
    { "sm_86", 48,   16,   65536,    100 << 10,   99 << 10,  1024,    0 },
    { "sm_89", 48,   24,   65536,    100 << 10,   99 << 10,  1024,    0 },
    { "sm_90", 64,   32,   65536,    228 << 10,  227 << 10,  1024,   64 },
};

const GpuLimits *gpu_limits(const char *arch)
{
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++) {
        size_t length = strlen(gpus[i].arch);
        if (!strncmp(arch, gpus[i].arch, length) && (!arch[length] || !arch[length + 1])
            && !(arch[length] >= '0' && arch[length] <= '9'))
            return &gpus[i];
    }
    return NULL;
}

static int round_up(int n, int step)
{
    return (n + step - 1) / step * step;
}

// Blocks that the registers suffice for. A block's warps are dealt out to the quarters.
static int by_registers(const GpuLimits *g, const BlockNeeds *n, int warps)
{
    if (n->registers > MOST_REGISTERS)
        return 0;
    if (n->registers <= 0)
        return g->blocks;
    int each = round_up(n->registers * WARP, REGISTER_STEP);
    if (each * round_up(warps, QUARTERS) > g->registers)
        return 0;
    return g->registers / QUARTERS / each * QUARTERS / warps;
}

static int by_shared(const GpuLimits *g, const BlockNeeds *n)
{
    int each = round_up(n->shared + g->shared_reserved, SHARED_STEP);
    return n->shared > g->shared_block ? 0 : g->shared / each;
}

Occupancy occupancy_of(const GpuLimits *gpu, const BlockNeeds *needs)
{
    Occupancy o = { 0 };
    if (needs->threads < 1 || needs->threads > MOST_THREADS || needs->shared < 0)
        return o;
    int warps = (needs->threads + WARP - 1) / WARP;
    const int allowed[] = {
        [LIMITED_BY_WARPS]     = gpu->warps / warps,
        [LIMITED_BY_BLOCKS]    = gpu->blocks,
        [LIMITED_BY_REGISTERS] = by_registers(gpu, needs, warps),
        [LIMITED_BY_SHARED]    = by_shared(gpu, needs),
        [LIMITED_BY_BARRIERS]  = gpu->barriers && needs->barriers > 0 ? gpu->barriers / needs->barriers
                                                                      : gpu->blocks,
    };
    for (int i = 1; i <= LIMITED_BY_BARRIERS; i++)
        if (allowed[i] < allowed[o.limit])
            o.limit = (OccupancyLimit)i;
    o.blocks = allowed[o.limit];
    o.warps = o.blocks * warps;
    o.share = (double)o.warps / gpu->warps;
    return o;
}

const char *occupancy_limit_name(OccupancyLimit limit)
{
    static const char *const names[] = { "warps", "blocks", "registers", "shared memory", "barriers" };
    return names[limit];
}
