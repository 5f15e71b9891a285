// Launches: blocks dealt out to workers, the warps of a block in turn, the barrier between them.
#include "runtime/pool.h"
#include "runtime/vgpu/vgpu_check.h"
#include "runtime/vgpu/vgpu_count.h"
#include "runtime/vgpu/vgpu_region.h"
#include <stdlib.h>
#include <string.h>

static uint64_t draw(uint64_t *state)                         // xorshift
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

// --- a block ---------------------------------------------------------------------------------------

static unsigned special_value(const Block *b, int warp, int lane, Special s)
{
    const unsigned *size = b->launch->how->block, *grid = b->launch->how->grid;
    unsigned thread = (unsigned)(warp * LANES + lane), below = (1u << lane) - 1, own = 1u << lane;
    switch (s) {
    case SPECIAL_TID_X:   return thread % size[0];
    case SPECIAL_TID_Y:   return thread / size[0] % size[1];
    case SPECIAL_TID_Z:   return thread / size[0] / size[1];
    case SPECIAL_NTID_X:
    case SPECIAL_NTID_Y:
    case SPECIAL_NTID_Z:  return size[s - SPECIAL_NTID_X];
    case SPECIAL_CTAID_X:
    case SPECIAL_CTAID_Y:
    case SPECIAL_CTAID_Z: return b->id[s - SPECIAL_CTAID_X];
    case SPECIAL_NCTAID_X:
    case SPECIAL_NCTAID_Y:
    case SPECIAL_NCTAID_Z: return grid[s - SPECIAL_NCTAID_X];
    case SPECIAL_LANEID:  return (unsigned)lane;
    case SPECIAL_WARPID:  return (unsigned)warp;
    case SPECIAL_MASK_EQ: return own;
    case SPECIAL_MASK_LT: return below;
    case SPECIAL_MASK_LE: return below | own;
    case SPECIAL_MASK_GE: return ~below;
    default:              return ~(below | own);
    }
}

static void begin_warp(Block *b, int index)
{
    Warp *w = &b->warps[index];
    const Kernel *k = b->launch->kernel;
    int left = b->threads - index * LANES;
    w->live = left >= LANES ? ALL_LANES : (1u << left) - 1;
    w->at_barrier = 0;
    w->blocked = false;
    w->steps = 0;
    w->copy_count = 0;
    w->syncs = w->met_all = 0;
    w->has_partial = false;
    memset(w->met, 0, sizeof w->met);
    w->split_count = 1;
    w->splits[0] = (Split){ 0, w->live, false };
    memset(w->committed, 0, sizeof w->committed);
    for (int s = 0; s < SPECIALS; s++)
        for (int l = 0; l < LANES && k->special[s] != NO_OPERAND; l++)
            ((unsigned *)(w->r + k->special[s]))[l] = special_value(b, index, l, (Special)s);
}

static bool all_wait(const Block *b)
{
    for (int k = 0; k < b->warp_count; k++)
        if (b->warps[k].live && !b->warps[k].at_barrier)
            return false;
    return true;
}

static void open_barrier(Block *b)
{
    b->epoch++;
    for (int k = 0; k < b->warp_count; k++) {
        Warp *w = &b->warps[k];
        w->at_barrier = 0;
        w->blocked = !w->live;
        for (int s = 0; s < w->split_count; s++)
            w->splits[s].waits = false;
    }
}

// One turn of every warp that can run; false: there was none.
static bool take_turns(Block *b)
{
    bool ran = false, random = b->launch->how->seed != 0;
    int first = random ? (int)(draw(&b->random) % (unsigned)b->warp_count) : 0;
    for (int k = 0; k < b->warp_count && !b->launch->stopped; k++) {
        Warp *w = &b->warps[(first + k) % b->warp_count];
        if (w->blocked)
            continue;
        ran = true;
        // Turns of 1 to 4096 instructions, short and long ones alike: only long ones let a warp overtake.
        vgpu_run_warp(w, random ? (int64_t)1 << draw(&b->random) % 13 : INT64_MAX);
    }
    return ran;
}

void vgpu_run_block(Block *b, int64_t number)
{
    const Launch *launch = b->launch;
    const unsigned *grid = launch->how->grid;
    if (launch->how->seed)
        number = launch->blocks - 1 - number;
    b->id[0] = (unsigned)(number % grid[0]);
    b->id[1] = (unsigned)(number / grid[0] % grid[1]);
    b->id[2] = (unsigned)(number / grid[0] / grid[1]);
    b->random = (launch->how->seed + 1) * 0x9e3779b97f4a7c15u + (uint64_t)number;
    b->first_epoch = ++b->epoch;
    if (b->shared_state) {
        memset(b->shared, UNKNOWN_BYTE, launch->shared_bytes);
        memset(b->shared_state, BYTE_UNKNOWN, launch->shared_bytes);
    }
    for (int k = 0; k < b->warp_count; k++)
        begin_warp(b, k);
    while (take_turns(b) && !launch->stopped)
        if (all_wait(b))
            open_barrier(b);
    int64_t steps = 0;
    for (int k = 0; k < b->warp_count; k++)
        steps += b->warps[k].steps;
    b->launch->steps += (uint64_t)steps;
}

// --- workers ---------------------------------------------------------------------------------------

static void close_block(Block *b)
{
    for (int k = 0; b->warps && k < b->warp_count; k++) {
        free(b->warps[k].r);
        free(b->warps[k].p);
        free(b->warps[k].local);
        free(b->warps[k].copies);
    }
    free(b->warps);
    free(b->shared);
    free(b->shared_state);
    vgpu_cells_close(b->cells, b->cell_count);
    free(b->counts);
    free(b);
}

static size_t rounded_up(size_t bytes) { return (bytes + 255) / 256 * 256; }

static bool open_warp(Block *b, int index)
{
    const Kernel *k = b->launch->kernel;
    Warp *w = &b->warps[index];
    size_t bytes = rounded_up((size_t)k->register_bytes + 1);
    w->block = b;
    w->index = index;
    w->r = aligned_alloc(256, bytes);
    w->p = calloc((size_t)k->predicate_count, sizeof *w->p);
    w->local = malloc((size_t)k->local_bytes * LANES + 1);
    if (!w->r || !w->p || !w->local)
        return false;
    memset(w->local, UNKNOWN_BYTE, (size_t)k->local_bytes * LANES);
    memcpy(w->r, k->constants, (size_t)k->register_bytes);
    w->p[ALWAYS] = ALL_LANES;
    return true;
}

static Block *open_block(Launch *launch)
{
    const unsigned *size = launch->how->block;
    Block *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->launch = launch;
    b->threads = (int)(size[0] * size[1] * size[2]);
    b->warp_count = (b->threads + LANES - 1) / LANES;
    b->shared = aligned_alloc(256, rounded_up(launch->shared_bytes + 1));
    b->warps = calloc((size_t)b->warp_count, sizeof *b->warps);
    b->epoch = launch->first_epoch;
    if (launch->how->check) {
        b->shared_state = malloc(launch->shared_bytes + 1);
        b->cell_count = launch->shared_bytes / launch->kernel->shared_grain;
        b->cells = vgpu_cells_open(b->cell_count);
    }
    if (launch->natures)
        b->counts = calloc((size_t)launch->kernel->code_count, sizeof *b->counts);
    bool ok = b->shared && b->warps && ((b->shared_state && b->cells) || !launch->how->check) &&
              (b->counts || !launch->natures);
    for (int k = 0; ok && k < b->warp_count; k++)
        ok = open_warp(b, k);
    if (ok)
        return b;
    close_block(b);
    return NULL;
}

typedef struct { Launch *launch; Block **blocks; } Work;

static void run_item(void *context, int64_t item, const PoolWorker *worker)
{
    Work *work = context;
    if (!work->launch->stopped)
        vgpu_run_block(work->blocks[worker->index], item);
}

static bool run_blocks(Launch *launch, int threads)
{
    VgpuMemory *memory = launch->how->check ? launch->how->memory : NULL;
    if (launch->how->check)
        threads = 1;                                          // one history of every byte
    if (threads > launch->blocks)
        threads = (int)launch->blocks;
    launch->first_epoch = memory ? vgpu_memory_begin_epochs(memory) : 1;
    if (memory && vgpu_memory_order(memory))
        vgpu_order_runs(vgpu_memory_order(memory), launch->module, launch->kernel);
    if (memory)
        vgpu_regions_aim(vgpu_memory_regions(memory), launch->params, launch->kernel->param_bytes);
    launch->global_limit = UINT64_MAX;
    if (launch->how->memory && !launch->how->check)
        vgpu_memory_bounds(launch->how->memory, &launch->global_first, &launch->global_limit);
    Work work = { launch, calloc((size_t)threads, sizeof *work.blocks) };
    bool ok = work.blocks != NULL;
    for (int t = 0; ok && t < threads; t++)
        ok = (work.blocks[t] = open_block(launch)) != NULL;
    Pool *pool = ok && threads > 1 ? pool_open(threads, 0) : NULL;
    if (pool)
        pool_run(pool, launch->blocks, run_item, &work);
    for (int64_t b = 0; ok && !pool && b < launch->blocks; b++)
        run_item(&work, b, &(PoolWorker){ 0, NULL });
    pool_close(pool);
    if (memory)
        vgpu_regions_end(vgpu_memory_regions(memory));
    if (ok && memory && work.blocks[0])
        vgpu_memory_end_epochs(memory, work.blocks[0]->epoch);
    for (int t = 0; work.blocks && t < threads; t++)
        if (work.blocks[t]) {
            vgpu_count_merge(launch, work.blocks[t]);
            close_block(work.blocks[t]);
        }
    free(work.blocks);
    return ok;
}

// --- a launch --------------------------------------------------------------------------------------

static const Kernel *find_kernel(const VgpuModule *m, const char *symbol)
{
    for (int k = 0; k < m->kernel_count; k++)
        if (strcmp(m->kernels[k].name, symbol) == 0)
            return &m->kernels[k];
    return NULL;
}

// The limits of compute capability 8.0.
static bool is_legal(const Kernel *k, const VgpuLaunch *l, char err[VGPU_ERROR])
{
    uint64_t threads = (uint64_t)l->block[0] * l->block[1] * l->block[2];
    uint64_t blocks = (uint64_t)l->grid[0] * l->grid[1] * l->grid[2];
    unsigned most_shared = 163 * 1024;
    if (!blocks || l->grid[1] > 65535 || l->grid[2] > 65535 || l->grid[0] > INT32_MAX)
        snprintf(err, VGPU_ERROR, "%s: a grid of %u x %u x %u blocks", k->name, l->grid[0], l->grid[1],
                 l->grid[2]);
    else if (!threads || threads > k->max_threads || l->block[2] > 64)
        snprintf(err, VGPU_ERROR, "%s: a block of %u x %u x %u threads, at most %u are allowed", k->name,
                 l->block[0], l->block[1], l->block[2], k->max_threads);
    else if (k->shared_bytes > most_shared || l->shared_bytes > most_shared - k->shared_bytes)
        snprintf(err, VGPU_ERROR, "%s: %u + %u bytes of shared memory, at most %u are allowed", k->name,
                 k->shared_bytes, l->shared_bytes, most_shared);
    else if (l->counters && l->counters->kernel && l->counters->kernel != k->name)
        snprintf(err, VGPU_ERROR, "%s: the counters are those of '%.100s'", k->name, l->counters->kernel);
    else
        return true;
    return false;
}

static uint8_t *gather_params(const Kernel *k, const VgpuLaunch *l)
{
    uint8_t *params = calloc(1, k->param_bytes + 16);
    for (int i = 0; params && i < k->param_count; i++)
        memcpy(params + k->params[i].offset, l->params[i], k->params[i].size);
    return params;
}

bool vgpu_launch(const VgpuModule *m, const char *symbol, const VgpuLaunch *l, char err[VGPU_ERROR])
{
    const Kernel *k = find_kernel(m, symbol);
    if (!k) {
        snprintf(err, VGPU_ERROR, "kernel '%.100s' is not in the module", symbol);
        return false;
    }
    if (!is_legal(k, l, err))
        return false;
    VgpuReports own = { 0 };
    Launch launch = { .module = m, .kernel = k, .how = l, .shared_bytes = k->shared_bytes + l->shared_bytes,
                      .blocks = (int64_t)l->grid[0] * l->grid[1] * l->grid[2],
                      .reports = l->reports ? l->reports : &own, .params = gather_params(k, l) };
    int first = launch.reports->count;
    pthread_mutex_init(&launch.atomic_lock, NULL);
    pthread_mutex_init(&launch.report_lock, NULL);
    bool ok = launch.params && vgpu_count_begin(&launch) &&
              run_blocks(&launch, l->threads > 0 ? l->threads : 1);
    pthread_mutex_destroy(&launch.atomic_lock);
    pthread_mutex_destroy(&launch.report_lock);
    free(launch.params);
    free(launch.natures);
    if (!ok)
        snprintf(err, VGPU_ERROR, "%s: out of memory", k->name);
    else if (launch.found && launch.reports->count > first)
        vgpu_report_format(&launch.reports->list[first], err);
    else if (launch.found)
        snprintf(err, VGPU_ERROR, "%s: found again what was reported before", k->name);
    if (l->warp_steps)
        *l->warp_steps = launch.steps;
    vgpu_reports_close(&own);
    return ok && !launch.found;
}
