// From address operands to the host's addresses.
#ifndef RUNTIME_VGPU_ADDRESS_H
#define RUNTIME_VGPU_ADDRESS_H
#include "runtime/vgpu/insn/watch.h"

// An address register's value plus an offset, for every lane.
static inline void addresses(const Warp *w, int base, int base_width, s64 offset, u64 to[LANES])
{
    if (base_width == 4) {
        const u32 *a = (const u32 *)__builtin_assume_aligned(w->r + base, 64);
        for (int l = 0; l < LANES; l++)
            to[l] = (u32)(a[l] + (u32)offset);
    } else {
        const u64 *a = (const u64 *)__builtin_assume_aligned(w->r + base, 64);
        for (int l = 0; l < LANES; l++)
            to[l] = a[l] + (u64)offset;
    }
}

// The same as vgpu_locate, which does what is not plain: checks, generic addresses, faults.
static inline void locate(Warp *w, const Insn *i, Space space, uint32_t mask, const u64 at[LANES],
                          unsigned bytes, Access access, u8 *host[LANES])
{
    const Launch *launch = w->block->launch;
    if (!launch->how->check && (space == SPACE_GLOBAL || space == SPACE_CONST)) {
        u64 first = launch->global_first, limit = launch->global_limit - first, wrong = 0;
        for (int l = 0; l < LANES; l++) {
            host[l] = (u8 *)(uintptr_t)at[l];
            wrong |= (u64)(at[l] - first >= limit) | (at[l] & (bytes - 1));
        }
        if (!wrong)                                            // else perhaps only in lanes that do nothing
            return;
    }
    if (!launch->how->check && space == SPACE_SHARED && launch->shared_bytes >= bytes) {
        u64 limit = launch->shared_bytes - bytes, wrong = 0;
        for (int l = 0; l < LANES; l++)
            wrong |= (u64)((u32)at[l] > limit) << l;
        if (!(wrong & mask)) {
            for (int l = 0; l < LANES; l++)
                host[l] = w->block->shared + (u32)at[l];
            return;
        }
    }
    if (launch->how->check)
        mask = LEVEL(insn_watch)(w, i, space, mask, at, bytes, access, host);
    if (mask)
        vgpu_locate(w, i, space, mask, at, bytes, access, host);
}
#endif
