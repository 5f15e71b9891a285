// Vector clocks of operations that share a memory.
#include "runtime/vgpu/vgpu_order.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t          first;           // its epochs begin here and end where the next one's begin
    int               queue;
    uint32_t          number;          // in its queue
    const VgpuModule *module;          // of a kernel; NULL: none, or it is closed
    const Kernel     *kernel;
    char              name[64];
} Operation;

// Operations that read the same bytes with nothing between them. Event.insn is its index.
typedef struct { Event reads[ORDER_READERS]; int count; } Readers;

struct VgpuOrder {
    Operation *list;                   // those of which something may not follow; the last one runs
    int        count, capacity;
    uint32_t   settled;                // what runs now follows all epochs before it
    VgpuClock  now;
    Readers   *readers;
    int        reader_count, reader_capacity;
    int        first_readers;          // those before were made by other operations
};

VgpuOrder *vgpu_order_open(void) { return calloc(1, sizeof(VgpuOrder)); }

void vgpu_order_close(VgpuOrder *o)
{
    if (!o)
        return;
    free(o->list);
    free(o->readers);
    free(o);
}

void vgpu_order_forget(VgpuOrder *o)
{
    if (!o)
        return;
    o->count = o->reader_count = 0;
    o->settled = 0;
}

static bool follows(const VgpuClock *clock, const Operation *p) { return clock->done[p->queue] >= p->number; }

bool vgpu_order_begin(VgpuOrder *o, uint32_t epoch, int queue, const VgpuClock *clock, const char *name)
{
    if (o->count == o->capacity) {
        int capacity = o->capacity ? 2 * o->capacity : 64;
        Operation *list = realloc(o->list, (size_t)capacity * sizeof *list);
        if (!list)
            return false;
        o->list = list;
        o->capacity = capacity;
    }
    o->now = *clock;
    o->settled = epoch;
    for (int i = o->count - 1; i >= 0; i--)
        if (!follows(clock, &o->list[i]))
            o->settled = o->list[i].first;
    Operation *new = &o->list[o->count++];
    *new = (Operation){ .first = epoch, .queue = queue, .number = clock->done[queue] };
    snprintf(new->name, sizeof new->name, "%s", name);
    o->first_readers = o->reader_count;
    return true;
}

void vgpu_order_runs(VgpuOrder *o, const VgpuModule *module, const Kernel *kernel)
{
    if (!o || !o->count)
        return;
    o->list[o->count - 1].module = module;
    o->list[o->count - 1].kernel = kernel;
}

const char *vgpu_order_name(const VgpuOrder *o) { return o && o->count ? o->list[o->count - 1].name : ""; }

void vgpu_order_settle(VgpuOrder *o, const VgpuClock *known)
{
    if (!o)
        return;
    int dropped = 0;
    while (dropped < o->count && follows(known, &o->list[dropped]))
        dropped++;
    if (!dropped)
        return;
    o->count -= dropped;
    memmove(o->list, o->list + dropped, (size_t)o->count * sizeof *o->list);
    if (!o->count)
        o->reader_count = 0;
}

void vgpu_order_unload(VgpuOrder *o, const VgpuModule *module)
{
    for (int i = 0; o && i < o->count; i++)
        if (o->list[i].module == module)
            o->list[i].module = NULL;
}

// NULL: all follows it.
static const Operation *find(const VgpuOrder *o, uint32_t epoch)
{
    int low = 0, high = o->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (o->list[middle].first <= epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &o->list[low - 1] : NULL;
}

static bool is_one_before(const VgpuOrder *o, uint32_t epoch)
{
    if (epoch < o->settled)
        return true;
    const Operation *p = find(o, epoch);
    return !p || p == &o->list[o->count - 1] || follows(&o->now, p);
}

bool vgpu_order_is_before(const VgpuOrder *o, const Event *e)
{
    if (e->epoch < o->settled)                                // its readers are older still
        return true;
    if (!is_one_before(o, e->epoch))
        return false;
    for (int i = 0; e->who == OF_OPERATIONS && i < o->readers[e->insn].count; i++)
        if (!is_one_before(o, o->readers[e->insn].reads[i].epoch))
            return false;
    return true;
}

uint32_t vgpu_order_settled(const VgpuOrder *o) { return o->settled; }

bool vgpu_order_done(const VgpuOrder *o, uint32_t epoch, uint32_t *first, uint32_t *count)
{
    const Operation *p = find(o, epoch), *last = &o->list[o->count - 1];
    if (!p || p == last || !follows(&o->now, p))
        return false;
    const Operation *from = p, *to = p + 1;
    while (from > o->list && follows(&o->now, from - 1))
        from--;
    while (to < last && follows(&o->now, to))
        to++;
    *first = from->first;
    *count = to->first - from->first;
    return true;
}

// Adds what the operation that runs does not follow.
static void add_reader(const VgpuOrder *o, Readers *to, const Event *e)
{
    if (!is_one_before(o, e->epoch) && to->count < ORDER_READERS)
        to->reads[to->count++] = *e;
}

static int find_readers(const VgpuOrder *o, const Readers *r)
{
    for (int i = o->first_readers; i < o->reader_count; i++)
        if (o->readers[i].count == r->count &&
            !memcmp(o->readers[i].reads, r->reads, (size_t)r->count * sizeof *r->reads))
            return i;
    return -1;
}

static int new_readers(VgpuOrder *o, const Readers *r)
{
    if (o->reader_count == o->reader_capacity) {
        int capacity = o->reader_capacity ? 2 * o->reader_capacity : 64;
        Readers *readers = realloc(o->readers, (size_t)capacity * sizeof *readers);
        if (!readers)
            return -1;
        o->readers = readers;
        o->reader_capacity = capacity;
    }
    o->readers[o->reader_count] = *r;
    return o->reader_count++;
}

void vgpu_order_join(VgpuOrder *o, const Event *before, Event *own)
{
    Readers r = { .count = 0 };
    if (before->who == OF_OPERATIONS)
        for (int i = 0; i < o->readers[before->insn].count; i++)
            add_reader(o, &r, &o->readers[before->insn].reads[i]);
    Event last = { .epoch = before->epoch, .who = OF_BLOCKS,
                   .insn = before->who == OF_OPERATIONS ? COPY_EVENT : before->insn };
    add_reader(o, &r, &last);
    // The same readers of many words make one set, whatever their epochs within an operation were.
    for (int i = 0; i < r.count; i++) {
        const Operation *p = find(o, r.reads[i].epoch);
        r.reads[i] = (Event){ .epoch = p ? p->first : 0, .insn = r.reads[i].insn, .who = OF_BLOCKS };
    }
    int index = r.count ? find_readers(o, &r) : -1;
    if (index < 0 && r.count)
        index = new_readers(o, &r);
    if (index < 0)
        return;
    own->who = OF_OPERATIONS;
    own->insn = (uint32_t)index;
}

void vgpu_order_describe(const VgpuOrder *o, const Event *e, bool writes, char *to, size_t size)
{
    Event found = *e;
    bool in_set = e->who == OF_OPERATIONS;
    for (int i = 0; in_set && is_one_before(o, found.epoch) && i < o->readers[e->insn].count; i++)
        found = o->readers[e->insn].reads[i];
    const Operation *p = find(o, found.epoch);
    uint32_t insn = found.insn & ~ATOMIC_EVENT;
    const char *verb = writes ? "wrote" : "read";
    if (!p) {
        snprintf(to, size, "something %s", verb);
        return;
    }
    if (!p->module || insn >= (uint32_t)p->kernel->code_count || found.who == OF_OPERATIONS) {
        snprintf(to, size, "%.48s %s", p->name, verb);
        return;
    }
    const Place *place = &p->module->places[p->kernel->code[insn].place];
    while (place->in >= 0)
        place = &p->module->places[place->in];
    const char *file = strrchr(place->file, '/');
    if (place->file[0])
        snprintf(to, size, "%.48s %s at %.40s:%d", p->name, verb, file ? file + 1 : place->file, place->line);
    else
        snprintf(to, size, "%.48s %s", p->name, verb);
}
