// One mapping per logical device, and the guards in it.
#include "runtime/cpu/arena.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

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
    memset(a->base - PROGRAM_GUARD, GUARD_BYTE, PROGRAM_GUARD);
    memset(a->base + d->arena_bytes, GUARD_BYTE, PROGRAM_GUARD);
    return true;
}

void cpu_arena_close(CpuArena *a)
{
    if (a->mapping)
        munmap(a->mapping, a->mapped);
    *a = (CpuArena){ 0 };
}

void guards_fill(const Guards *g, CpuArena *arenas)
{
    for (int i = 0; i < g->count; i++)
        memset(arenas[g->list[i].device].base + g->list[i].at, GUARD_BYTE, PROGRAM_GUARD);
}

static bool is_intact(const char *at)
{
    for (int i = 0; i < PROGRAM_GUARD; i++)
        if ((unsigned char)at[i] != GUARD_BYTE)
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
