// Accesses of operations that are no kernels: copies, fills, products of matrices.
#include "runtime/vgpu/vgpu_check.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    VgpuMemory  *m;
    VgpuReports *reports;
    int          index;                // of the allocation
    uint64_t     at;
    bool         write;
} Touch;

static void report_race(const Touch *t, const Cell *c, const void *where, size_t byte, bool other_writes)
{
    VgpuOrder *o = vgpu_memory_order(t->m);
    uint64_t offset;
    char who[128];
    const char *name = vgpu_memory_name(t->m, t->index, t->at + byte, &offset);
    vgpu_order_describe(o, other_writes ? &c->write : &c->read, other_writes, who, sizeof who);
    vgpu_report_host(t->reports, vgpu_order_name(o), where, VGPU_STREAM_RACE,
                     "%s byte %" PRIu64 " of '%.60s', which %s with no wait between",
                     t->write ? "writes" : "reads", offset, name, who);
}

// True: it races.
static bool touch_cell(const Touch *t, CellGroup *groups, size_t cell, uint32_t epoch, size_t byte, bool told)
{
    VgpuOrder *o = vgpu_memory_order(t->m);
    Cell c = cell_get(groups, cell);
    bool after_write = !c.write.epoch || vgpu_order_is_before(o, &c.write);
    bool after_read = !c.read.epoch || vgpu_order_is_before(o, &c.read);
    bool races = !after_write || (t->write && !after_read);
    if (races && !told)
        report_race(t, &c, &groups[cell / GROUP_CELLS].written[cell % GROUP_CELLS], byte, !after_write);
    Event own = { .epoch = epoch, .insn = COPY_EVENT, .who = OF_BLOCKS };
    if (t->write) {
        c.write = own;
        c.read = (Event){ 0 };
    } else if (c.read.epoch != epoch) {
        if (!after_read)
            vgpu_order_join(o, &c.read, &own);
        c.read = own;
    }
    cell_set(groups, cell, c);
    return races;
}

// A whole group of which this operation follows all that was done. False: not all.
static bool touch_group(const Touch *t, CellGroup *g, uint32_t epoch, uint32_t settled)
{
    bool late = false;
    for (int k = 0; k < GROUP_CELLS; k++)
        late |= (g->written[k] >= settled) | (g->read[k] >= settled);
    if (late)
        return false;
    for (int k = 0; k < GROUP_CELLS; k++) {
        (t->write ? g->written : g->read)[k] = epoch;
        (t->write ? g->written_by : g->read_by)[k] = COPY_EVENT;
        (t->write ? g->writers : g->readers)[k] = OF_BLOCKS;
        g->read[k] = t->write ? 0 : epoch;
    }
    return true;
}

// The cells of a part of a page. True: some race.
static bool touch_cells(const Touch *t, const CellPage *page, uint64_t at, size_t bytes, uint32_t epoch,
                        bool told)
{
    uint32_t settled = vgpu_order_settled(vgpu_memory_order(t->m));
    size_t first = at % PAGE_BYTES >> page->grain_bits, count = bytes >> page->grain_bits;
    for (size_t k = 0; k < count;) {
        bool whole = (first + k) % GROUP_CELLS == 0 && count - k >= GROUP_CELLS;
        if (whole && touch_group(t, &page->groups[(first + k) / GROUP_CELLS], epoch, settled)) {
            k += GROUP_CELLS;
            continue;
        }
        told |= touch_cell(t, page->groups, first + k, epoch, at - t->at + (k << page->grain_bits), told);
        k++;
    }
    return told;
}

static void touch_pages(const Touch *t, size_t bytes, uint32_t epoch)
{
    bool told = false;
    for (uint64_t at = t->at, end = t->at + bytes; at < end;) {
        uint64_t next = (at / PAGE_BYTES + 1) * PAGE_BYTES, part = (next < end ? next : end) - at;
        unsigned odd = (unsigned)(at | part) & 3;             // cells are of words if they can be
        const CellPage *page = vgpu_memory_page(t->m, t->index, at, odd ? odd & -odd : 4);
        if (page)
            told = touch_cells(t, page, at, part, epoch, told);
        at += part;
    }
}

static bool find(VgpuMemory *m, const void *at, size_t bytes, VgpuReports *r, int *index)
{
    char where[128];
    *index = 0;
    if (vgpu_memory_holds(m, (uint64_t)(uintptr_t)at, bytes, index))
        return true;
    vgpu_memory_describe(m, (uint64_t)(uintptr_t)at, where, sizeof where);
    vgpu_report_host(r, vgpu_order_name(vgpu_memory_order(m)), at, VGPU_OUT_OF_BOUNDS,
                     "touches %zu bytes %s", bytes, where);
    return false;
}

bool vgpu_memory_touch(VgpuMemory *m, const void *at, size_t bytes, bool write, VgpuReports *r)
{
    Touch t = { .m = m, .reports = r, .at = (uint64_t)(uintptr_t)at, .write = write };
    if (!find(m, at, bytes, r, &t.index))
        return false;
    uint32_t epoch = vgpu_memory_begin_epochs(m);
    if (vgpu_memory_order(m))
        touch_pages(&t, bytes, epoch);
    vgpu_memory_end_epochs(m, epoch);
    if (write)
        vgpu_memory_know(m, at, bytes);
    return true;
}

bool vgpu_memory_need(VgpuMemory *m, const void *at, size_t bytes, VgpuReports *r)
{
    int index;
    if (!find(m, at, bytes, r, &index))
        return false;
    const bool *unknown = vgpu_memory_unknown(m, index, (uint64_t)(uintptr_t)at);
    const bool *first = unknown ? memchr(unknown, 1, bytes) : NULL;
    if (!first)
        return true;
    uint64_t offset;
    const char *name = vgpu_memory_name(m, index, (uint64_t)(uintptr_t)at, &offset);
    vgpu_report_host(r, vgpu_order_name(vgpu_memory_order(m)), first, VGPU_UNINITIALISED,
                     "reads byte %" PRIu64 " of '%.60s', which nothing has written",
                     offset + (uint64_t)(first - unknown), name);
    return false;
}

void vgpu_memory_copied(VgpuMemory *m, const void *to, const void *from, size_t bytes)
{
    int source = 0, target = 0;
    if (!vgpu_memory_holds(m, (uint64_t)(uintptr_t)from, bytes, &source) ||
        !vgpu_memory_holds(m, (uint64_t)(uintptr_t)to, bytes, &target))
        return;
    const bool *unknown = vgpu_memory_unknown(m, source, (uint64_t)(uintptr_t)from);
    if (!unknown || !memchr(unknown, 1, bytes))
        vgpu_memory_know(m, to, bytes);
    else if (vgpu_memory_forget(m, to, bytes))
        memmove(vgpu_memory_unknown(m, target, (uint64_t)(uintptr_t)to), unknown, bytes);
}
