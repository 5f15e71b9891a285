// The family of copies to shared memory in the background. The bytes arrive when a group is waited
// for and not before, so that a kernel that forgot to wait computes with what was there.
// cp.async has in o: the shared address (its offset is target), the global one, how many bytes are read
// or NO_OPERAND. width: bytes; base_width, mode2: of the two address registers.
#include "runtime/vgpu/insn/address.h"
#include <stdlib.h>

static Copy *new_copy(Warp *w)
{
    if (w->copy_count == w->copy_capacity) {
        int capacity = w->copy_capacity ? 2 * w->copy_capacity : 16;
        Copy *copies = realloc(w->copies, (size_t)capacity * sizeof *copies);
        if (!copies)
            return NULL;
        w->copies = copies;
        w->copy_capacity = capacity;
    }
    return &w->copies[w->copy_count++];
}

// Lanes that read something: with 0 bytes the source may be anywhere.
static uint32_t reading(const Copy *c, uint32_t mask)
{
    for (int l = 0; l < LANES; l++)
        if (c->read[l] == 0)
            mask &= ~(1u << l);
    return mask;
}

static void copy_async(Warp *w, const Insn *i, uint32_t mask)
{
    Copy *c = new_copy(w);
    if (!c) {
        vgpu_report(w, i, __builtin_ctz(mask), VGPU_TRAP, "the host has no memory for copies under way");
        return;
    }
    u64 to[LANES], from[LANES];
    u8 *host[LANES];
    const u32 *read = i->o[2] == NO_OPERAND ? NULL : REG(u32, 2);
    for (int l = 0; l < LANES; l++)
        c->read[l] = !read || read[l] > i->width ? i->width : (u8)read[l];
    addresses(w, i->o[0], i->base_width, i->target, to);
    addresses(w, i->o[1], i->mode2, i->offset, from);
    locate(w, i, SPACE_SHARED, mask, to, i->width, ACCESS_COPY, host);
    c->lanes = mask;
    c->insn = i;
    c->bytes = i->width;
    memcpy(c->to, host, sizeof host);
    memcpy(c->group, w->committed, sizeof c->group);
    uint32_t readers = reading(c, mask);
    if (readers)
        locate(w, i, SPACE_GLOBAL, readers, from, i->width, ACCESS_READ, host);
    memcpy(c->from, host, sizeof host);
    for (int l = 0; l < LANES; l++)
        if (readers >> l & 1 && host[l] == w->block->nowhere)          // its bytes may change until then
            c->read[l] = 0;
}

static void arrive(Warp *w, Copy *c, uint32_t lanes)
{
    for (int l = 0; l < LANES; l++) {
        if (!(lanes >> l & 1))
            continue;
        if (c->read[l] == 16) {
            memcpy(c->to[l], c->from[l], 16);
        } else {
            memset(c->to[l], 0, c->bytes);
            memcpy(c->to[l], c->from[l], c->read[l]);
        }
    }
    LEVEL(insn_watch_arrival)(w, c->insn, lanes, c->to, c->bytes);
    c->lanes &= ~lanes;
}

// Takes copies out of the list whose lanes all have them; the last one moves to their place.
static void forget_arrived(Warp *w)
{
    for (int k = w->copy_count - 1; k >= 0; k--)
        if (!w->copies[k].lanes && k != --w->copy_count)
            w->copies[k] = w->copies[w->copy_count];
}

static void commit(Warp *w, const Insn *i, uint32_t mask)
{
    (void)i;
    EACH_LANE(mask, w->committed[l]++)
}

// offset: how many of the groups committed last may be under way.
static void wait_group(Warp *w, const Insn *i, uint32_t mask)
{
    for (int k = 0; k < w->copy_count; k++) {
        Copy *c = &w->copies[k];
        uint32_t due = 0;
        for (int l = 0; l < LANES; l++)
            due |= (uint32_t)(c->group[l] + (u32)i->offset < w->committed[l]) << l;
        arrive(w, c, due & mask & c->lanes);
    }
    forget_arrived(w);
}

static void wait_all(Warp *w, const Insn *i, uint32_t mask)
{
    (void)i;
    for (int k = 0; k < w->copy_count; k++)
        arrive(w, &w->copies[k], mask & w->copies[k].lanes);
    forget_arrived(w);
}

static const InsnRow rows[] = {
    { "cp", copy_async, { 0 } },
    { "cp.async.commit_group", commit, { 0 } },
    { "wait_group", wait_group, { 0 } },
    { "cp.async.wait_all", wait_all, { 0 } },
};
const InsnFamily LEVEL(insn_async) = { rows, sizeof rows / sizeof *rows };
