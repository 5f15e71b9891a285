// One mapping per logical device, and the guards in it. A gap between two buffers of a sequence
// gets a guard at its begin and, where there is room, one at its end.
#include "runtime/cpu/arena.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, PATTERN = 0xC5 };

// More than the machine has would end in a kill by the system in the middle of a run.
static bool fits_the_machine(size_t bytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || bytes / (size_t)page <= (size_t)pages;
}

bool cpu_arena_open(CpuArena *a, const ProgramDevice *d, char err[DEVICE_ERROR])
{
    *a = (CpuArena){ .mapped = (size_t)d->arena_bytes + 2 * PAGE };
    if (fits_the_machine(a->mapped))
        a->mapping = mmap(NULL, a->mapped, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!a->mapping || a->mapping == MAP_FAILED) {
        snprintf(err, DEVICE_ERROR, "device %s needs %lld bytes of memory, more than there are; a "
                 "smaller batch needs less", d->name, (long long)d->arena_bytes);
        a->mapping = NULL;
        return false;
    }
    a->base = a->mapping + PAGE;
    // Only a hint: large nets walk through hundreds of megabytes a step.
    madvise(a->mapping, a->mapped, MADV_HUGEPAGE);
    memset(a->base - PROGRAM_GUARD, PATTERN, PROGRAM_GUARD);
    memset(a->base + d->arena_bytes, PATTERN, PROGRAM_GUARD);
    return true;
}

void cpu_arena_close(CpuArena *a)
{
    if (a->mapping)
        munmap(a->mapping, a->mapped);
    *a = (CpuArena){ 0 };
}

// --- which buffers a sequence uses ----------------------------------------------------------------

static void use_tensor(const Program *p, int tensor, bool *used)
{
    used[p->tensors[tensor].buffer] = true;
}

static void use_ports(const Program *p, const ProgramPort *ports, int count, bool *used)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < PROGRAM_PORT_TENSORS && ports[i].tensors[k] >= 0; k++)
            use_tensor(p, ports[i].tensors[k], used);
}

static void find_used(const Program *p, const Sequence *s, bool *used)
{
    for (int i = 0; i < p->buffer_count; i++)
        used[i] = p->buffers[i].role <= BUFFER_STATE;          // kept across sequences
    for (int i = 0; i < s->launch_count; i++)
        for (int k = 0; k < s->launches[i].tensor_count; k++)
            use_tensor(p, s->launches[i].tensors[k], used);
    for (int i = 0; i < s->copy_count; i++) {
        use_tensor(p, s->copies[i].from, used);
        use_tensor(p, s->copies[i].to, used);
    }
    use_ports(p, s->inputs, s->input_count, used);
    use_ports(p, s->outputs, s->output_count, used);
    for (int i = 0; i < s->zero_count; i++)
        used[s->zero[i]] = true;
    for (int i = 0; i < s->named_count; i++)
        use_tensor(p, s->named[i], used);
}

static int compare_buffers(const void *a, const void *b)
{
    const Buffer *x = *(const Buffer *const *)a, *y = *(const Buffer *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void add_gap(Guards *g, int device, int64_t from, int64_t to, const char *before)
{
    if (to - from >= PROGRAM_GUARD)
        g->list[g->count++] = (Guard){ device, from, before };
    if (to - from >= 2 * PROGRAM_GUARD)
        g->list[g->count++] = (Guard){ device, to - PROGRAM_GUARD, before };
}

bool guards_find(const Program *p, int sequence, Guards *g)
{
    size_t count = (size_t)p->buffer_count + 1;
    bool *used = calloc(count, sizeof *used);
    const Buffer **sorted = calloc(count, sizeof *sorted);
    *g = (Guards){ .list = calloc(2 * count + 2 * PROGRAM_DEVICES, sizeof *g->list) };
    bool good = used && sorted && g->list;
    int n = 0;
    if (good)
        find_used(p, &p->sequences[sequence], used);
    for (int i = 0; good && i < p->buffer_count; i++)
        if (used[i])
            sorted[n++] = &p->buffers[i];
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, compare_buffers);
    for (int i = 0; i < n;) {
        int device = sorted[i]->device;
        int64_t end = sorted[i]->offset + sorted[i]->bytes;
        const char *last = sorted[i]->name;
        for (i++; i < n && sorted[i]->device == device; i++) {
            add_gap(g, device, end, sorted[i]->offset, last);
            if (sorted[i]->offset + sorted[i]->bytes > end) {
                end = sorted[i]->offset + sorted[i]->bytes;
                last = sorted[i]->name;
            }
        }
        add_gap(g, device, end, p->devices[device].arena_bytes, last);
    }
    free(used);
    free(sorted);
    return good;
}

void guards_fill(const Guards *g, CpuArena *arenas)
{
    for (int i = 0; i < g->count; i++)
        memset(arenas[g->list[i].device].base + g->list[i].at, PATTERN, PROGRAM_GUARD);
}

static bool is_intact(const char *at)
{
    for (int i = 0; i < PROGRAM_GUARD; i++)
        if ((unsigned char)at[i] != PATTERN)
            return false;
    return true;
}

bool guards_check(const Guards *g, const Program *p, const CpuArena *arenas, char err[DEVICE_ERROR])
{
    for (int d = 0; d < p->device_count; d++)
        if (!is_intact(arenas[d].base - PROGRAM_GUARD)
            || !is_intact(arenas[d].base + p->devices[d].arena_bytes)) {
            snprintf(err, DEVICE_ERROR, "the memory around device %s was written", p->devices[d].name);
            return false;
        }
    for (int i = 0; i < g->count; i++)
        if (!is_intact(arenas[g->list[i].device].base + g->list[i].at)) {
            snprintf(err, DEVICE_ERROR, "the guard behind buffer %.100s of device %s was written",
                     g->list[i].before, p->devices[g->list[i].device].name);
            return false;
        }
    return true;
}
