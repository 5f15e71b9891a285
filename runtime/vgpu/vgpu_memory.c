// The allocations of a device, sorted by address.
#include "runtime/vgpu/vgpu_check.h"
#include "runtime/vgpu/vgpu_region.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t at, size;
    char    *name;
    CellPage *pages;                   // NULL: not needed yet
    CellGroup *words;                  // what pages have whose cells are words
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

static size_t page_of(uint64_t at) { return at >> PAGE_BITS; }

static size_t page_count(const Allocation *a) { return page_of(a->at + a->size) - page_of(a->at) + 1; }

static size_t cells_of_page(unsigned grain_bits) { return (size_t)PAGE_BYTES >> grain_bits; }

static void forget_cells(Allocation *a)
{
    for (size_t k = 0; a->pages && k < page_count(a); k++)
        if (a->pages[k].grain_bits < WORD_BITS)
            vgpu_cells_close(a->pages[k].groups, cells_of_page(a->pages[k].grain_bits));
    vgpu_cells_close(a->words, page_count(a) * cells_of_page(WORD_BITS));
    free(a->pages);
    a->pages = NULL;
    a->words = NULL;
}

static void close_allocation(Allocation *a)
{
    forget_cells(a);
    free(a->name);
    vgpu_unmap(a->unknown, a->size + 1);
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
        a->unknown = vgpu_map(a->size + 1);
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

static bool open_cells(Allocation *a)
{
    size_t count = page_count(a);
    a->pages = calloc(count, sizeof *a->pages);
    a->words = vgpu_cells_open(count * cells_of_page(WORD_BITS));
    if (!a->pages || !a->words) {
        forget_cells(a);
        return false;
    }
    for (size_t k = 0; k < count; k++)
        a->pages[k] = (CellPage){ a->words + k * cells_of_page(WORD_BITS) / GROUP_CELLS, WORD_BITS };
    return true;
}

// Makes two cells, or four, of each: what was known of it is known of its parts. False: no memory.
static bool refine(CellPage *page, unsigned grain_bits)
{
    size_t parts = (size_t)1 << (page->grain_bits - grain_bits);
    CellGroup *finer = vgpu_cells_open(cells_of_page(grain_bits));
    for (size_t i = 0; finer && i < cells_of_page(page->grain_bits); i++)
        for (size_t k = 0; k < parts; k++)
            cell_set(finer, i * parts + k, cell_get(page->groups, i));
    if (finer && page->grain_bits < WORD_BITS)
        vgpu_cells_close(page->groups, cells_of_page(page->grain_bits));
    if (finer)
        *page = (CellPage){ finer, grain_bits };
    return finer;
}

const CellPage *vgpu_memory_page(VgpuMemory *m, int index, uint64_t at, unsigned bytes)
{
    Allocation *a = &m->list[index];
    if (!a->pages && !open_cells(a))
        return NULL;
    CellPage *page = &a->pages[page_of(at) - page_of(a->at)];
    unsigned grain_bits = (unsigned)__builtin_ctz(bytes);
    return page->grain_bits <= grain_bits || refine(page, grain_bits) ? page : NULL;
}

bool vgpu_memory_window(VgpuMemory *m, uint64_t at, uint64_t bytes, Window *to)
{
    int index = 0;
    if (!vgpu_memory_holds(m, at, bytes, &index))
        return false;
    Allocation *a = &m->list[index];
    if (!a->pages && !open_cells(a))
        return false;
    *to = (Window){ .first = a->at, .size = a->size, .base = a->at, .unknown = a->unknown,
                    .pages = a->pages };
    if (vgpu_regions_apply(m->regions, a->at, a->size))
        vgpu_regions_part(m->regions, at, bytes, &to->first, &to->size);
    return true;
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
