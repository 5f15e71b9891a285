// Where accesses go, and whether they may.
#include "runtime/vgpu/vgpu_check.h"
#include <inttypes.h>
#include <string.h>

static const char *const verb[] = { "reads", "writes", "copies to", "changes" };

static Space space_of(uint64_t *at)
{
    uint64_t window = *at & WINDOW_BITS;
    if (window != SHARED_WINDOW && window != LOCAL_WINDOW)
        return SPACE_GLOBAL;
    *at &= ~WINDOW_BITS;
    return window == SHARED_WINDOW ? SPACE_SHARED : SPACE_LOCAL;
}

// Shared memory is read or written: is there a value, and does one still come?
static void check_shared_bytes(Warp *w, const Insn *i, int lane, uint64_t at, unsigned bytes,
                               Access access)
{
    Block *b = w->block;
    uint8_t *state = b->shared_state + at;
    for (unsigned k = 0; k < bytes; k++) {
        if (state[k] == BYTE_ON_ITS_WAY)
            vgpu_report(w, i, lane, VGPU_NOT_WAITED,
                        "%s byte %" PRIu64 " of shared memory, which a cp.async that was not waited for "
                        "writes", verb[access], at + k);
        else if (state[k] == BYTE_UNKNOWN && (access == ACCESS_READ || access == ACCESS_ATOMIC))
            vgpu_report(w, i, lane, VGPU_UNINITIALISED, "reads byte %" PRIu64
                        " of shared memory, which nothing has written", at + k);
        else
            continue;
        break;
    }
    unsigned grain = b->launch->kernel->shared_grain;
    Accessed what = { b->cells, at / grain, (int)(bytes / grain), b->first_epoch, NULL, at, NULL };
    vgpu_race(w, i, lane, &what, access);
    if (access != ACCESS_READ)
        memset(state, access == ACCESS_COPY ? BYTE_ON_ITS_WAY : BYTE_KNOWN, bytes);
}

// An offset into a space of `size` bytes; NULL when it is beside it.
static uint8_t *locate_in(Warp *w, const Insn *i, int lane, uint8_t *base, unsigned size, const char *what,
                          uint64_t at, unsigned bytes, Access access)
{
    if (at <= size && size - at >= bytes)
        return base + at;
    vgpu_report(w, i, lane, VGPU_OUT_OF_BOUNDS, "%s %u bytes at byte %" PRIu64 " of the %u of %s",
                verb[access], bytes, at, size, what);
    return NULL;
}

static uint8_t *locate_shared(Warp *w, const Insn *i, int lane, uint64_t at, unsigned bytes, Access access)
{
    Block *b = w->block;
    uint8_t *host = locate_in(w, i, lane, b->shared, b->launch->shared_bytes, "shared memory", at, bytes,
                              access);
    if (host && b->shared_state)
        check_shared_bytes(w, i, lane, at, bytes, access);
    return host;
}

// Constants and variables of the module itself.
static bool module_holds(const VgpuModule *m, const uint8_t *at, unsigned bytes)
{
    for (int k = 0; k < m->variable_count; k++) {
        const Variable *v = &m->variables[k];
        if (at >= v->bytes && at + bytes <= v->bytes + v->size)
            return true;
    }
    return false;
}

static void check_known(Warp *w, const Insn *i, int lane, bool *unknown, unsigned bytes, Access access,
                        const Accessed *what)
{
    if (!unknown)
        return;
    const bool *first = access == ACCESS_WRITE ? NULL : memchr(unknown, 1, bytes);
    if (first)
        vgpu_report(w, i, lane, VGPU_UNINITIALISED,
                    "%s byte %" PRIu64 " of '%.60s', which nothing has written",
                    verb[access], what->at + (uint64_t)(first - unknown), what->name);
    if (access != ACCESS_READ)
        memset(unknown, false, bytes);
}

static uint8_t *locate_global(Warp *w, const Insn *i, int lane, uint64_t at, unsigned bytes, Access access,
                              int *hint)
{
    const Launch *launch = w->block->launch;
    VgpuMemory *m = launch->how->memory;
    uint8_t *host = (uint8_t *)(uintptr_t)at;
    if (!m || module_holds(launch->module, host, bytes))
        return host;
    if (vgpu_memory_holds(m, at, bytes, hint)) {
        if (!launch->how->check)
            return host;
        Accessed what = { .first = launch->first_epoch, .order = vgpu_memory_order(m) };
        const CellPage *page = vgpu_memory_page(m, *hint, at, bytes);
        what.name = vgpu_memory_name(m, *hint, at, &what.at);
        if (page) {
            what.groups = page->groups;
            what.cell = at % PAGE_BYTES >> page->grain_bits;
            what.count = (int)(bytes >> page->grain_bits);
            vgpu_race(w, i, lane, &what, access);
        }
        check_known(w, i, lane, vgpu_memory_unknown(m, *hint, at), bytes, access, &what);
        return host;
    }
    char where[128];
    vgpu_memory_describe(m, at, where, sizeof where);
    vgpu_report(w, i, lane, VGPU_OUT_OF_BOUNDS, "%s %u bytes %s", verb[access], bytes, where);
    return NULL;
}

static uint8_t *locate(Warp *w, const Insn *i, Space space, int lane, uint64_t at, unsigned bytes,
                       Access access, int *hint)
{
    const Launch *launch = w->block->launch;
    switch (space) {
    case SPACE_SHARED:
        return locate_shared(w, i, lane, at, bytes, access);
    case SPACE_LOCAL:
        return locate_in(w, i, lane, w->local + (size_t)lane * launch->kernel->local_bytes,
                         launch->kernel->local_bytes, "local memory", at, bytes, access);
    case SPACE_PARAM:
        return locate_in(w, i, lane, launch->params, launch->kernel->param_bytes, "the parameters", at, bytes,
                         access);
    default:
        return locate_global(w, i, lane, at, bytes, access, hint);
    }
}

void vgpu_locate(Warp *w, const Insn *i, Space space, uint32_t mask, const uint64_t at[LANES],
                 unsigned bytes, Access access, uint8_t *host[LANES])
{
    int hint = 0;
    memset(w->block->nowhere, UNKNOWN_BYTE, sizeof w->block->nowhere);
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        uint64_t a = at[l];
        Space s = space == SPACE_GENERIC ? space_of(&a) : space;
        if (s == SPACE_SHARED)
            a = (uint32_t)a;
        host[l] = NULL;
        if (a % bytes)
            vgpu_report(w, i, l, VGPU_MISALIGNED, "%s %u bytes at %#" PRIx64 ", which is no multiple of %u",
                        verb[access], bytes, a, bytes);
        else
            host[l] = locate(w, i, s, l, a, bytes, access, &hint);
        if (!host[l])
            host[l] = w->block->nowhere;
    }
}
