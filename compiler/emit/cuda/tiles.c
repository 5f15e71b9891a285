// The cost model: cycles of a multiprocessor for one step along k, by the slowest of its units, times
// steps, times waves of blocks; then what DRAM needs at least. gpu.md's model, section 5 of the design
// notes; the constants are datasheets' derated by published measurements, to be fitted on each GPU.
#include "emit/cuda/tiles.h"
#include "tensor/shape.h"
#include <math.h>

typedef struct {
    int    compute;
    int    sms;
    double clock;              // Hz
    double dram, l2;           // attainable bytes a second; bytes a clock for the whole chip
    double shared;             // bytes a multiprocessor has
    double float_macs;         // a clock and multiprocessor: FFMA
    double tf32_macs, bf16_macs;   // ... through mma.sync, derated
    double float_flops, tf32_flops, bf16_flops;    // attainable, a second, by any instruction
} GpuModel;

static const GpuModel models[] = {
    // sm, SMs, clock, DRAM, L2, shared; FFMA, TF32, BF16 a clock; attainable FLOPs of the same
    { 80, 108, 1.41e9, 1.40e12, 5120, 164e3,                                           // A100
      64 * 0.85, 512 * 0.85, 1024 * 0.85, 17e12, 140e12, 280e12 },
    { 86, 82, 1.70e9, 0.80e12, 2560, 100e3,                                            // RTX 3090
      128 * 0.70, 128 * 0.90, 256 * 0.90, 30e12, 32e12, 64e12 },
    { 89, 128, 2.50e9, 0.90e12, 4096, 100e3,                                           // RTX 4090
      128 * 0.70, 128 * 0.90, 256 * 0.90, 70e12, 74e12, 149e12 },
    { 90, 132, 1.70e9, 3.00e12, 5500, 227e3,                                           // H100
      128 * 0.85, 1024 * 0.62, 2048 * 0.62, 57e12, 399e12, 798e12 },
};
enum { MODELS = sizeof models / sizeof *models };

#define LAUNCH_SECONDS 1.5e-6      // in a graph
#define LIBRARY_SHARE  0.85        // of attainable rates that cuBLAS reaches on layers' sizes
#define LIBRARY_GAIN   0.85        // of the time that a kernel of our own takes
#define LIBRARY_LEAST  5e-6        // that a product takes, however small
enum {
    LATENCY  = 900,                // clocks from global to shared memory
    PROLOGUE = 300,                // clocks of a block before its first product
    REGISTERS = 65536, MOST_WARPS = 64, MOST_BLOCKS = 4, BLOCK_EXTRA = 1024
};

static const GpuModel *model_of(const Target *t)
{
    for (int i = 0; i < MODELS; i++)
        if (models[i].compute == t->compute)
            return &models[i];
    return &models[0];
}

const char *cuda_limiter_name(CudaLimiter l)
{
    static const char *const names[] = {
        [LIMIT_MATH] = "arithmetic", [LIMIT_SHARED] = "shared memory", [LIMIT_ISSUE] = "instruction issue",
        [LIMIT_L2] = "L2 cache", [LIMIT_LATENCY] = "memory latency", [LIMIT_DRAM] = "DRAM" };
    return names[l];
}

static double macs_a_clock(const GpuModel *g, Element e)
{
    return e == ELEMENT_FLOAT ? g->float_macs : e == ELEMENT_TF32 ? g->tf32_macs : g->bf16_macs;
}

static int warps_of(const CudaTile *t) { return t->m / t->warp_m * (t->n / t->warp_n); }

int tile_threads(const CudaTile *tile) { return 32 * warps_of(tile); }

// Lines of an operand that runs along m or n are longer by eight elements, but in bf16 where eight 16-byte
// pieces can change places, and where their number is odd anyway.
static int64_t operand_bytes(int rows, int k, bool along_k, int size)
{
    bool is_padded = !along_k && (size == 4 || (rows % 64 && rows % 16 == 0));
    return (int64_t)k * (rows + (is_padded ? 8 : 0)) * size;
}

int64_t patch_lines(const CudaPatch *p, int m)
{
    int64_t last = m - 1, rows = (last + p->columns - 1) / p->columns;
    int64_t images = (last + p->outputs - 1) / p->outputs;
    return last * p->step + rows * p->row_gap + images * p->image_gap + p->reach + 1;
}

// Of the only one, or of one of the two, which has a line of zeros behind its pixels.
static int64_t patch_bytes(const CudaProblem *p, const CudaTile *t, int size)
{
    int64_t lines = patch_lines(&p->patch, t->m);
    return size_round_up(p->patch.is_run ? lines * size : (lines + 1) * t->k * size, 128);
}

// What is copied for one step along k: a patch serves all taps of a slab, or of the window.
static double stage_bytes(const CudaProblem *p, const CudaTile *t, int size)
{
    double b = (double)t->n * t->k * size;
    if (t->patch)
        return b + (p->patch.is_run ? 0 : (double)patch_bytes(p, t, size) / p->patch.taps);
    return b + (double)t->m * t->k * size;
}

int patch_conflicts(const CudaPatch *p, int size)
{
    int ways = 1;
    while (ways < 8 && p->step * size / 16 % (2 * ways) == 0)
        ways *= 2;
    return ways;
}

int64_t tile_shared_bytes(const Target *target, const CudaProblem *p, const CudaTile *t)
{
    int size = element_bytes(target->matrix);
    int64_t b = t->stages * operand_bytes(t->n, t->k, p->b_along_k, size);
    return b + (t->patch ? (p->patch.is_run ? 1 : 2) * patch_bytes(p, t, size)
                         : t->stages * operand_bytes(t->m, t->k, p->a_along_k, size));
}

static bool patch_is_legal(const Target *target, const CudaProblem *p, const CudaTile *t)
{
    const CudaPatch *patch = &p->patch;
    bool fits = patch->is_run || (patch->taps >= t->stages - 1 && patch->channels % t->k == 0);
    return target->matrix != ELEMENT_FLOAT && p->a_along_k && patch->taps > 1 && fits && t->split == 1;
}

// Every thread copies the same number of 16-byte pieces of an operand.
static bool copies_are_even(int rows, int k, bool along_k, int size, int threads)
{
    int pieces = rows * k * size / 16, a_row = (along_k ? k : rows) * size / 16;
    return pieces % threads == 0 && threads % a_row == 0;
}

bool tile_is_legal(const Target *target, const CudaProblem *p, const CudaTile *t)
{
    if (t->library)
        return p->library;
    int size = element_bytes(target->matrix), threads = tile_threads(t);
    if (t->m % t->warp_m || t->n % t->warp_n || t->warp_m % 16 || t->warp_n % 16)
        return false;
    if (target->matrix == ELEMENT_FLOAT && t->warp_m * t->warp_n > 48 * 64)
        return false;                            // multiply-adds leave no registers for places
    return threads >= 64 && threads <= 256 && (t->k * size == 64 || t->k * size == 128)
        && (t->patch ? patch_is_legal(target, p, t)
                     : copies_are_even(t->m, t->k, p->a_along_k, size, threads))
        && copies_are_even(t->n, t->k, p->b_along_k, size, threads)
        && (double)tile_shared_bytes(target, p, t) + BLOCK_EXTRA <= model_of(target)->shared;
}

// Registers of a thread: accumulators, fragments, addresses of the copies.
static double registers_of(const Target *target, const CudaProblem *p, const CudaTile *t)
{
    double fragments = (t->warp_m / 16.0 * 4 + t->warp_n / 8.0 * 2) * 1.3;
    double stage = (double)t->m * t->k * element_bytes(target->matrix);
    double pieces = t->patch ? t->warp_m / 16.0 : p->a_along_k ? stage / 16 / tile_threads(t) : 2;
    return ceil((t->warp_m * t->warp_n / 32.0 + fragments + 52 + 2 * pieces) / 8) * 8;
}

static int blocks_a_sm(const GpuModel *g, const Target *target, const CudaProblem *p, const CudaTile *t)
{
    double by_shared = g->shared / ((double)tile_shared_bytes(target, p, t) + BLOCK_EXTRA);
    double by_registers = REGISTERS / (registers_of(target, p, t) * tile_threads(t));
    double by_warps = (double)MOST_WARPS / warps_of(t);
    double blocks = fmin(fmin(by_shared, by_registers), fmin(by_warps, MOST_BLOCKS));
    return (int)blocks;
}

typedef struct { double clocks; CudaLimiter limiter; } Step;

static void raise(Step *s, double clocks, CudaLimiter limiter)
{
    if (clocks > s->clocks)
        *s = (Step){ clocks, limiter };
}

// One tile of k terms of one block.
static Step step_of(const GpuModel *g, const Target *target, const CudaProblem *p, const CudaTile *t)
{
    int size = element_bytes(target->matrix), warps = warps_of(t);
    double stage = stage_bytes(p, t, size), row_bytes = (double)t->k * size;
    double products = (double)t->warp_m * t->warp_n * t->k / (16 * 8 * (size == 4 ? 8 : 16));
    bool by_rows = p->a_along_k && p->b_along_k;
    double loads = by_rows ? t->warp_m / 16.0 + t->warp_n / 16.0
                           : t->warp_m / 16.0 * 4 + t->warp_n / 8.0 * 2;
    if (target->matrix == ELEMENT_FLOAT)
        products *= 32;                          // FFMA: one product of a lane an instruction
    Step s = { (double)t->m * t->n * t->k / macs_a_clock(g, target->matrix), LIMIT_MATH };
    raise(&s, (warps * (t->warp_m + t->warp_n) * row_bytes + stage) / 128, LIMIT_SHARED);
    double copies = stage / 16 / (warps * 32) * 6 + (t->patch ? t->warp_m / 16.0 * 8 : 0);
    raise(&s, warps * (products + loads * row_bytes / 32 + copies + 40) / 4, LIMIT_ISSUE);
    raise(&s, stage * g->sms / g->l2, LIMIT_L2);
    return s;
}

// Bytes that cross DRAM only because the sums are split: partial sums out and in again.
static double split_bytes(const CudaProblem *p, const CudaTile *t)
{
    return t->split > 1 ? (double)p->m * (double)p->n * p->groups * 4 * 2 * t->split : 0;
}

static double attainable_flops(const GpuModel *g, Element e)
{
    return e == ELEMENT_FLOAT ? g->float_flops : e == ELEMENT_TF32 ? g->tf32_flops : g->bf16_flops;
}

// cuBLAS, near the rate of the best kernels, and the kernel that reads what it leaves.
static CudaPrice library_price(const Target *target, const CudaProblem *p)
{
    const GpuModel *g = model_of(target);
    double outputs = (double)p->m * (double)p->n, operands = p->unique_bytes - outputs * p->epilogue_bytes;
    double math = 2 * outputs * (double)p->k / (LIBRARY_SHARE * attainable_flops(g, target->matrix));
    double dram = (operands + 4 * outputs) / (LIBRARY_SHARE * g->dram);
    CudaPrice price = { .tile = { .split = 1, .library = true }, .blocks_a_sm = 1,
                        .limiter = math > dram ? LIMIT_MATH : LIMIT_DRAM };
    price.seconds = fmax(fmax(math, dram), LIBRARY_LEAST) + LAUNCH_SECONDS
                    + outputs * (4 + p->epilogue_bytes) / g->dram + LAUNCH_SECONDS;
    return price;
}

CudaPrice tile_price(const Target *target, const CudaProblem *p, const CudaTile *t)
{
    if (t->library)
        return library_price(target, p);
    const GpuModel *g = model_of(target);
    CudaPrice price = { .tile = *t, .seconds = INFINITY };
    int blocks = blocks_a_sm(g, target, p, t);
    if (blocks < 1)
        return price;
    double tiles = ceil((double)p->m / t->m) * ceil((double)p->n / t->n) * p->groups * t->split;
    double steps = ceil(ceil((double)p->k / t->k) / t->split);
    Step s = step_of(g, target, p, t);
    double together = s.clocks * blocks;         // each of the blocks goes one step
    if (together * (t->stages - 1) < LATENCY) {
        together = (double)LATENCY / (t->stages - 1);
        s.limiter = LIMIT_LATENCY;
    }
    double waves = floor(tiles / (g->sms * blocks)), rest = tiles - waves * g->sms * blocks;
    double rest_blocks = ceil(rest / g->sms);
    double last = fmax(s.clocks * rest_blocks, (double)LATENCY / (t->stages - 1));
    double output = t->split > 1 ? 4 : p->epilogue_bytes;
    double epilogue = (double)t->m * t->n * output / (g->dram / g->sms / g->clock);
    double first = !t->patch ? 0 : (double)patch_bytes(p, t, element_bytes(target->matrix)) * g->sms / g->l2;
    epilogue += first;                           // no step hides the first patch
    double overlapped = epilogue * blocks * (blocks > 1 ? 0.5 : 1);
    double clocks = waves * (steps * together + LATENCY + PROLOGUE + overlapped);
    if (rest > 0)
        clocks += steps * last + LATENCY + PROLOGUE + epilogue * rest_blocks;
    double dram = (p->unique_bytes + split_bytes(p, t) / 2) / g->dram;
    price.blocks_a_sm = blocks;
    price.limiter = dram >= clocks / g->clock ? LIMIT_DRAM : s.limiter;
    price.seconds = fmax(clocks / g->clock, dram) + LAUNCH_SECONDS;
    if (t->split > 1)
        price.seconds += split_bytes(p, t) / 2 / g->dram + LAUNCH_SECONDS;
    return price;
}

// --- choosing -----------------------------------------------------------------------------------

// The two cheapest tiles, and the cheapest of each shape, ascending.
typedef struct { CudaChoice two; CudaPrice *ranked; int count, most; } Offers;

static bool same_shape(const CudaTile *a, const CudaTile *b)
{
    return a->m == b->m && a->n == b->n && a->k == b->k && a->patch == b->patch;
}

static void rank(Offers *o, CudaPrice price)
{
    int at = 0;
    while (at < o->count && !same_shape(&o->ranked[at].tile, &price.tile))
        at++;
    if (at < o->count && o->ranked[at].seconds <= price.seconds)
        return;
    if (at == o->most && (!at || o->ranked[--at].seconds <= price.seconds))
        return;
    o->count += at == o->count;
    for (; at && o->ranked[at - 1].seconds > price.seconds; at--)
        o->ranked[at] = o->ranked[at - 1];
    o->ranked[at] = price;
}

static void offer(Offers *o, CudaPrice price)
{
    CudaChoice *c = &o->two;
    if (price.seconds < c->best.seconds) {
        c->second = c->best;
        c->best = price;
    } else if (price.seconds < c->second.seconds) {
        c->second = price;
    }
    if (o->most && !isinf(price.seconds))
        rank(o, price);
}

// A program that needs cuBLAS must be worth it: two guesses are compared.
static void offer_library(Offers *o, CudaPrice price)
{
    CudaChoice *c = &o->two;
    if (price.seconds < LIBRARY_GAIN * c->best.seconds) {
        offer(o, price);
        return;
    }
    if (price.seconds < c->second.seconds)
        c->second = price;
    if (o->most)
        rank(o, price);
}

// More and more blocks to a tile, until each has few steps left.
static void try_splits(const Target *target, const CudaProblem *p, CudaTile t, Offers *o)
{
    int64_t steps = (p->k + t.k - 1) / t.k;
    int most = p->may_split ? (int)(steps < 128 ? steps / 2 : 64) : 1;
    if (!tile_is_legal(target, p, &t))
        return;
    for (t.split = 1; t.split <= most || t.split == 1; t.split += t.split < 4 ? 1 : t.split / 4)
        offer(o, tile_price(target, p, &t));
}

static void try_warps(const Target *target, const CudaProblem *p, CudaTile t, Offers *o)
{
    static const int sizes[] = { 16, 32, 48, 64 };
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (int i = 0; i < SIZES * SIZES; i++) {
        t.warp_m = sizes[i / SIZES];
        t.warp_n = sizes[i % SIZES];
        if (t.warp_m > t.m || t.warp_n > t.n || t.m % t.warp_m || t.n % t.warp_n)
            continue;
        for (t.stages = 2; t.stages <= 5; t.stages++) {
            try_splits(target, p, t, o);
            CudaTile with_patch = t;
            with_patch.patch = true;
            with_patch.split = 1;
            if (p->patch.taps && tile_is_legal(target, p, &with_patch))
                offer(o, tile_price(target, p, &with_patch));
        }
    }
}

static void try_all(const Target *target, const CudaProblem *p, Offers *o)
{
    static const int rows[] = { 16, 32, 48, 64, 96, 128, 144, 192, 256 };
    static const int columns[] = { 16, 32, 48, 64, 96, 128, 144, 192, 256 };
    enum { ROWS = sizeof rows / sizeof *rows, COLUMNS = sizeof columns / sizeof *columns };
    int size = element_bytes(target->matrix);
    o->two = (CudaChoice){ .best.seconds = INFINITY, .second.seconds = INFINITY };
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            for (int bytes = 64; bytes <= 128; bytes *= 2)
                try_warps(target, p, (CudaTile){ .m = rows[i], .n = columns[j], .k = bytes / size }, o);
    if (p->library)
        offer_library(o, library_price(target, p));
}

CudaChoice choose_tile(const Target *target, const CudaProblem *p)
{
    Offers o = { 0 };
    try_all(target, p, &o);
    if (isinf(o.two.second.seconds))
        o.two.second = o.two.best;
    return o.two;
}

int rank_tiles(const Target *target, const CudaProblem *p, CudaPrice *to, int most)
{
    Offers o = { .ranked = to, .most = most };
    try_all(target, p, &o);
    return o.count;
}

double cuda_seconds_of_bytes(const Target *target, double bytes)
{
    return bytes / model_of(target)->dram + LAUNCH_SECONDS;
}

double cuda_roofline_seconds(const Target *target, double flops, double bytes)
{
    const GpuModel *g = model_of(target);
    return fmax(flops / attainable_flops(g, target->matrix), bytes / g->dram);
}
