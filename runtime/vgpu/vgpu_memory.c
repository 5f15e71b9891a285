// The allocations of a device, sorted by address.
#include "runtime/vgpu/vgpu_check.h"
#include "runtime/vgpu/vgpu_region.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t at, size;
    char    *name;
    CellGroup *cells;                  // one each `grain` bytes; NULL: not needed yet
    unsigned grain;
    int      owner;                    // the device that has it
    bool    *unknown;                  // of each byte: there is no value; NULL: all have one
} Allocation;

struct VgpuMemory {
    Allocation *list;
    int         count, capacity;
    uint32_t    epoch;
    unsigned    shown;                 // a bit an owner: what a kernel may touch
    VgpuOrder  *order;                 // NULL: launches are one after the other
    VgpuRegions *regions;              // NULL: none has a name
};

VgpuMemory *vgpu_memory_open(void)
{
    VgpuMemory *m = calloc(1, sizeof *m);
    if (m)
        m->shown = ~0u;
    return m;
}

static void forget_cells(Allocation *a)
{
    vgpu_cells_close(a->cells, a->cells ? a->size / a->grain : 0);
    a->cells = NULL;
}

static void close_allocation(Allocation *a)
{
    forget_cells(a);
    free(a->name);
    free(a->unknown);
}

void vgpu_memory_close(VgpuMemory *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->count; i++) {
        close_allocation(&m->list[i]);
    }
    free(m->list);
    vgpu_order_close(m->order);
    vgpu_regions_close(m->regions);
    free(m);
}

// How many allocations begin at or before an address.
static int count_until(const VgpuMemory *m, uint64_t at)
{
    int low = 0, high = m->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (m->list[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool vgpu_memory_add(VgpuMemory *m, const void *at, size_t bytes, const char *name)
{
    if (m->count == m->capacity) {
        int capacity = m->capacity ? 2 * m->capacity : 16;
        Allocation *list = realloc(m->list, (size_t)capacity * sizeof *list);
        if (!list)
            return false;
        m->list = list;
        m->capacity = capacity;
    }
    Allocation new = { .at = (uint64_t)(uintptr_t)at, .size = bytes, .name = strdup(name) };
    if (!new.name)
        return false;
    int i = count_until(m, new.at);
    memmove(m->list + i + 1, m->list + i, (size_t)(m->count - i) * sizeof *m->list);
    m->list[i] = new;
    m->count++;
    return true;
}

void vgpu_memory_remove(VgpuMemory *m, const void *at)
{
    int i = count_until(m, (uint64_t)(uintptr_t)at) - 1;
    if (i < 0 || m->list[i].at != (uint64_t)(uintptr_t)at)
        return;
    vgpu_regions_remove(m->regions, m->list[i].at, m->list[i].size);
    close_allocation(&m->list[i]);
    m->count--;
    memmove(m->list + i, m->list + i + 1, (size_t)(m->count - i) * sizeof *m->list);
}

static bool holds(const Allocation *a, uint64_t at, uint64_t bytes)
{
    return at >= a->at && at - a->at <= a->size && a->size - (at - a->at) >= bytes;
}

static bool is_shown(const VgpuMemory *m, const Allocation *a) { return m->shown >> a->owner & 1; }

// May a kernel touch it, within an allocation that is shown?
static bool may_touch(const VgpuMemory *m, const Allocation *a, uint64_t at, uint64_t bytes)
{
    return is_shown(m, a) &&
           (!vgpu_regions_apply(m->regions, a->at, a->size) || vgpu_regions_hold(m->regions, at, bytes));
}

bool vgpu_memory_holds(const VgpuMemory *m, uint64_t at, uint64_t bytes, int *hint)
{
    if (*hint < m->count && holds(&m->list[*hint], at, bytes) && may_touch(m, &m->list[*hint], at, bytes))
        return true;
    int i = count_until(m, at) - 1;
    if (i < 0 || !holds(&m->list[i], at, bytes) || !may_touch(m, &m->list[i], at, bytes))
        return false;
    *hint = i;
    return true;
}

bool vgpu_memory_region(VgpuMemory *m, const void *at, size_t bytes, const char *name)
{
    int i = count_until(m, (uint64_t)(uintptr_t)at) - 1;
    if (i < 0 || !holds(&m->list[i], (uint64_t)(uintptr_t)at, bytes))
        return false;
    if (!m->regions)
        m->regions = vgpu_regions_open();
    return m->regions && vgpu_regions_add(m->regions, (uint64_t)(uintptr_t)at, bytes, name);
}

VgpuRegions *vgpu_memory_regions(const VgpuMemory *m) { return m->regions; }

void vgpu_memory_own(VgpuMemory *m, const void *at, int owner)
{
    int i = count_until(m, (uint64_t)(uintptr_t)at) - 1;
    if (i >= 0 && m->list[i].at == (uint64_t)(uintptr_t)at)
        m->list[i].owner = owner;
}

void vgpu_memory_show(VgpuMemory *m, unsigned owners) { m->shown = owners; }

void vgpu_memory_bounds(const VgpuMemory *m, uint64_t *first, uint64_t *limit)
{
    *first = UINT64_MAX;
    *limit = 0;
    for (int i = 0; i < m->count; i++) {
        const Allocation *a = &m->list[i];
        if (!is_shown(m, a) || a->owner == VGPU_LAST_OWNER)
            continue;
        *first = a->at < *first ? a->at : *first;
        *limit = a->at + a->size > *limit ? a->at + a->size : *limit;
    }
}

bool vgpu_memory_forget(VgpuMemory *m, const void *at, size_t bytes)
{
    int i = count_until(m, (uint64_t)(uintptr_t)at) - 1;
    if (i < 0 || !holds(&m->list[i], (uint64_t)(uintptr_t)at, bytes))
        return false;
    Allocation *a = &m->list[i];
    if (!a->unknown)
        a->unknown = calloc(a->size + 1, 1);
    if (a->unknown)
        memset(a->unknown + ((uint64_t)(uintptr_t)at - a->at), true, bytes);
    return a->unknown != NULL;
}

void vgpu_memory_know(VgpuMemory *m, const void *at, size_t bytes)
{
    int i = count_until(m, (uint64_t)(uintptr_t)at) - 1;
    if (i < 0 || !holds(&m->list[i], (uint64_t)(uintptr_t)at, bytes))
        return;
    if (m->list[i].unknown)
        memset(m->list[i].unknown + ((uint64_t)(uintptr_t)at - m->list[i].at), false, bytes);
}

bool *vgpu_memory_unknown(VgpuMemory *m, int index, uint64_t at)
{
    const Allocation *a = &m->list[index];
    return a->unknown ? a->unknown + (at - a->at) : NULL;
}

// Makes two cells, or four, of each: what was known of it is known of its parts.
static void refine(Allocation *a, unsigned grain)
{
    size_t count = a->size / a->grain, parts = a->grain / grain;
    CellGroup *finer = vgpu_cells_open(a->size / grain);
    for (size_t i = 0; finer && i < count; i++) {
        Cell c = cell_get(a->cells, i);
        for (size_t k = 0; k < parts && (c.write.epoch || c.read.epoch); k++)
            cell_set(finer, i * parts + k, c);
    }
    forget_cells(a);
    a->cells = finer;
    a->grain = grain;
}

CellGroup *vgpu_memory_cells(VgpuMemory *m, int index, uint64_t at, unsigned *grain, size_t *cell)
{
    Allocation *a = &m->list[index];
    if (!a->cells) {
        a->grain = *grain;
        a->cells = vgpu_cells_open(a->size / *grain);
    } else if (a->grain > *grain) {
        refine(a, *grain);
    }
    *grain = a->grain;
    *cell = (at - a->at) / a->grain;
    return a->cells;
}

bool vgpu_memory_window(VgpuMemory *m, uint64_t at, uint64_t bytes, unsigned grain, Window *to)
{
    int index = 0;
    size_t cell;
    if (!vgpu_memory_holds(m, at, bytes, &index))
        return false;
    const Allocation *a = &m->list[index];
    *to = (Window){ .first = a->at, .size = a->size, .base = a->at, .unknown = a->unknown };
    if (vgpu_regions_apply(m->regions, a->at, a->size))
        vgpu_regions_part(m->regions, at, bytes, &to->first, &to->size);
    to->groups = vgpu_memory_cells(m, index, at, &grain, &cell);
    to->grain_bits = (unsigned)__builtin_ctz(grain);
    return to->groups != NULL;
}

const char *vgpu_memory_name(const VgpuMemory *m, int index, uint64_t at, uint64_t *offset)
{
    const char *name = vgpu_regions_name(m->regions, at, offset);
    if (name)
        return name;
    *offset = at - m->list[index].at;
    return m->list[index].name;
}

VgpuOrder *vgpu_memory_order(const VgpuMemory *m) { return m->order; }

uint32_t vgpu_memory_begin_epochs(VgpuMemory *m)
{
    if (m->epoch > UINT32_MAX / 2) {                          // long before they come round
        m->epoch = 0;
        for (int i = 0; i < m->count; i++)
            forget_cells(&m->list[i]);
        vgpu_order_forget(m->order);
    }
    return m->epoch + 1;
}

void vgpu_memory_end_epochs(VgpuMemory *m, uint32_t last) { m->epoch = last; }

bool vgpu_memory_begin(VgpuMemory *m, int queue, const VgpuClock *clock, const char *name)
{
    if (!m->order)
        m->order = vgpu_order_open();
    return m->order && vgpu_order_begin(m->order, vgpu_memory_begin_epochs(m), queue, clock, name);
}

void vgpu_memory_settle(VgpuMemory *m, const VgpuClock *known) { vgpu_order_settle(m->order, known); }

void vgpu_memory_unload(VgpuMemory *m, const VgpuModule *module) { vgpu_order_unload(m->order, module); }

void vgpu_memory_describe(const VgpuMemory *m, uint64_t at, char *to, size_t size)
{
    int next = count_until(m, at);
    const Allocation *before = next > 0 ? &m->list[next - 1] : NULL;
    const Allocation *behind = next < m->count ? &m->list[next] : NULL;
    uint64_t past = before ? at - before->at : UINT64_MAX;
    if (before && past < before->size && vgpu_regions_apply(m->regions, before->at, before->size)) {
        vgpu_regions_describe(m->regions, at, to, size);
        return;
    }
    if (before && past < before->size)
        snprintf(to, size, "at byte %" PRIu64 " of the %" PRIu64 " of '%s', across its end", past,
                 before->size, before->name);
    else if (before && (!behind || past - before->size <= behind->at - at))
        snprintf(to, size, "%" PRIu64 " bytes behind the end of '%s' (%" PRIu64 " bytes)",
                 past - before->size, before->name, before->size);
    else if (behind)
        snprintf(to, size, "%" PRIu64 " bytes before '%s' (%" PRIu64 " bytes)", behind->at - at,
                 behind->name, behind->size);
    else
        snprintf(to, size, "at %#" PRIx64 ", and nothing is allocated", at);
}
