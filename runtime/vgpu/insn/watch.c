// Checked accesses of a warp, the lanes side by side: bounds, values and races of runs of lanes whose bytes
// follow each other, eight cells at a time. The rules are those of vgpu_check.c and vgpu_race.c, which get
// every lane of which this cannot tell that all is well; nothing is reported here.
#include "runtime/vgpu/insn/watch.h"

typedef u32 V8 __attribute__((vector_size(32)));

static const V8 slots = { 0, 1, 2, 3, 4, 5, 6, 7 };

// Epochs of operations that the launch follows.
typedef struct { u32 first, count; } Done;

// What an access is compared with, the same for all of its cells.
typedef struct {
    const Warp *w;
    Window     *window;                // NULL: shared memory
    CellGroup  *groups;
    u64         base;                  // the address of the first one
    unsigned    grain_bits;
    u32         safe;                  // all follows epochs before it
    u32         first, begin, now;     // epochs: the launch's first (shared: the block's), the block's first
    u32         insn;
    u32         syncs;                 // in the place it has in a cell
    VgpuOrder  *order;
    Done        writes, reads;
} Scene;

// Lanes of a warp whose bytes follow each other, or are the same.
typedef struct {
    int      lane, lanes;
    bool     same;
    u64      at;
    unsigned bytes;                    // of a lane
} Run;

static inline bool any(V8 v)
{
    u32 all = 0;
    for (int k = 0; k < GROUP_CELLS; k++)
        all |= v[k];
    return all != 0;
}

static inline V8 is_within(V8 v, u32 first, u32 count) { return (V8)(v - first < count); }

static inline V8 choose(V8 mask, V8 yes, V8 no) { return (yes & mask) | (no & ~mask); }

static inline V8 load(const u32 v[GROUP_CELLS])
{
    V8 r;
    memcpy(&r, v, sizeof r);
    return r;
}

static inline void put(u32 to[GROUP_CELLS], V8 mask, V8 v)
{
    v = choose(mask, v, load(to));
    memcpy(to, &v, sizeof v);
}

static inline V8 warps_of(V8 who)
{
    return choose((V8)((who & OF_A_WARP) != 0), who & 0x7fff, who / LANES);
}

// Events of this epoch that the access comes behind: of its own thread, or with a sync of the warp between.
static inline V8 is_own(const Scene *s, V8 epoch, V8 person, V8 own)
{
    V8 who = person & 0xffff, here = (V8)(epoch == s->now);
    V8 synced = (V8)(warps_of(who) == (u32)s->w->index) & (V8)((person & 0xffff0000) != s->syncs);
    return here & ((V8)(who == own) | synced);
}

static inline V8 is_past_write(const Scene *s, const CellGroup *g, V8 in, V8 own)
{
    V8 epoch = load(g->written);
    V8 past = (V8)(epoch < s->safe) | is_within(epoch, s->begin, s->now - s->begin) |
              is_within(epoch, s->writes.first, s->writes.count);
    return any(in & ~past) ? past | is_own(s, epoch, load(g->writers), own) : past;
}

static inline V8 is_past_read(const Scene *s, const CellGroup *g, V8 in, V8 own)
{
    V8 epoch = load(g->read), readers = load(g->readers), who = readers & 0xffff;
    V8 one = (V8)(who != OF_OPERATIONS);
    V8 past = (V8)(epoch < s->safe) | (is_within(epoch, s->reads.first, s->reads.count) & one) |
              (is_within(epoch, s->begin, s->now - s->begin) & one & (V8)(who != OF_BLOCKS));
    return any(in & ~past) ? past | is_own(s, epoch, readers, own) : past;
}

static inline void put_read(const Scene *s, CellGroup *g, V8 in, V8 who)
{
    put(g->readers, in, who | s->syncs);
    put(g->read, in, in & s->now);
    put(g->read_by, in, in & s->insn);
}

// Joins a read with those before it. Gives the cells of which another operation's reads must be kept.
static inline V8 join_reads(const Scene *s, CellGroup *g, V8 in, V8 own)
{
    V8 epoch = load(g->read), who = load(g->readers) & 0xffff;
    V8 here = (V8)(epoch >= s->first), all = here & (V8)(who == OF_BLOCKS);
    if (!any(in & ~all))
        return in & ~in;                                      // says it already
    V8 past = is_past_read(s, g, in, own);
    if (!any(in & ~past)) {
        put_read(s, g, in, own);
        return in & ~in;
    }
    V8 kept = here & (V8)(who == OF_OPERATIONS), lost = in & ~(here | past);
    V8 warp = (V8)(warps_of(who) == (u32)s->w->index);
    V8 joined = choose(warp, in & (u32)(OF_A_WARP + s->w->index), in & OF_THE_BLOCK);
    joined = choose((V8)(who == own) | past, own, joined);
    joined = choose((all | (here & (V8)(epoch < s->begin))) & ~past, in & OF_BLOCKS, joined);
    put_read(s, g, in & ~kept & ~lost, joined);
    return lost;
}

static inline void put_write(const Scene *s, CellGroup *g, V8 in, V8 own)
{
    put(g->writers, in, own | s->syncs);
    put(g->written, in, in & s->now);
    put(g->written_by, in, in & s->insn);
    put(g->read, in, in & ~in);
}

// Cells of a group that an access cannot be let through to; the others, if it is a read, have it.
static inline V8 try_group(const Scene *s, CellGroup *g, V8 in, V8 own, Access access)
{
    V8 wrong = in & ~is_past_write(s, g, in, own);
    if (access != ACCESS_READ)
        wrong |= in & ~is_past_read(s, g, in, own);
    if (any(wrong))
        return wrong;
    if (access == ACCESS_READ)
        return join_reads(s, g, in, own);
    if (access == ACCESS_WRITE)
        put_write(s, g, in, own);
    return wrong;
}

// One cell of which a glance is enough. False: it is not.
static inline bool try_cell(const Scene *s, CellGroup *g, size_t k, u32 own, Access access)
{
    u32 written = g->written[k], read = g->read[k], readers = g->readers[k], before = s->now - s->begin;
    bool several = (readers & 0xffff) >= OF_OPERATIONS;
    if (written >= s->safe && written - s->begin >= before)
        return false;
    if (read >= s->safe && (read - s->begin >= before || several)) {
        bool all = read >= s->first && (readers & 0xffff) == OF_BLOCKS;
        return access == ACCESS_READ && (all || (read == s->now && readers == (own | s->syncs)));
    }
    if (access == ACCESS_READ) {
        g->read[k] = s->now;
        g->readers[k] = own | s->syncs;
        g->read_by[k] = s->insn;
    } else if (access == ACCESS_WRITE) {
        g->written[k] = s->now;
        g->writers[k] = own | s->syncs;
        g->written_by[k] = s->insn;
        g->read[k] = 0;
    }
    return true;
}

// Operations that the launch follows are known by their epochs once they were met. False: nothing new.
static bool learn(Scene *s, const CellGroup *g, V8 wrong)
{
    bool learned = false;
    for (int k = 0; k < GROUP_CELLS && s->order; k++) {
        if (!wrong[k])
            continue;
        const u32 epochs[2] = { g->written[k], g->read[k] };
        for (int of = 0; of < 2; of++) {
            Done *done = of ? &s->reads : &s->writes;
            if (epochs[of] < s->safe || epochs[of] >= s->first || epochs[of] - done->first < done->count)
                continue;
            learned |= vgpu_order_done(s->order, epochs[of], &done->first, &done->count);
            s->window->done_first[of] = done->first;
            s->window->done_count[of] = done->count;
        }
    }
    return learned;
}

// Gives the lanes of a run, from its first one on, that have been let through.
static int watch_cells(Scene *s, const Run *r, Access access)
{
    unsigned lane_bits = (unsigned)__builtin_ctz(r->bytes) - s->grain_bits;
    size_t first = (r->at - s->base) >> s->grain_bits;
    u32 count = (u32)(r->same ? 1 : r->lanes) << lane_bits, thread = (u32)(s->w->index * LANES + r->lane);
    if (r->same)
        thread = (u32)(OF_A_WARP + s->w->index);
    if (count == 1 && try_cell(s, &s->groups[first / GROUP_CELLS], first % GROUP_CELLS, thread, access))
        return r->lanes;
    for (size_t g = first / GROUP_CELLS; g <= (first + count - 1) / GROUP_CELLS; g++) {
        V8 cell = slots + (u32)(g * GROUP_CELLS - first), in = (V8)(cell < count);
        V8 own = thread + (r->same ? cell & 0 : (cell >> lane_bits));
        V8 wrong = try_group(s, &s->groups[g], in, own & 0xffff, access);
        if (any(wrong) && learn(s, &s->groups[g], wrong))
            wrong = try_group(s, &s->groups[g], in, own & 0xffff, access);
        if (any(wrong))
            return r->same || g * GROUP_CELLS <= first ? 0 : (int)((g * GROUP_CELLS - first) >> lane_bits);
    }
    return r->lanes;
}

// --- values ----------------------------------------------------------------------------------------

// Is there none of these bits in any byte?
static inline bool is_clear(const u8 *state, size_t bytes, u8 flip, u8 bits)
{
    u8 found = 0;
    for (size_t k = 0; k < bytes; k++)
        found |= (state[k] ^ flip) & bits;
    return !found;
}

static inline bool all_states(const u8 *state, const Run *r, u8 flip, u8 bits)
{
    switch (r->same ? r->bytes : r->bytes * (unsigned)r->lanes) {
    case 4:  return is_clear(state, 4, flip, bits);
    case 8:  return is_clear(state, 8, flip, bits);
    case 16: return is_clear(state, 16, flip, bits);
    default: return is_clear(state, r->same ? r->bytes : r->bytes * (size_t)r->lanes, flip, bits);
    }
}

static int watch_shared(Scene *s, const Run *r, Access access)
{
    u8 *state = s->w->block->shared_state + r->at;
    bool reads = access == ACCESS_READ;
    if (!all_states(state, r, reads ? BYTE_KNOWN : 0, reads ? 0xff : BYTE_ON_ITS_WAY))
        return 0;
    int lanes = watch_cells(s, r, access);
    if (access != ACCESS_READ)
        memset(state, access == ACCESS_COPY ? BYTE_ON_ITS_WAY : BYTE_KNOWN, (size_t)lanes * r->bytes);
    return lanes;
}

static int watch_global(Scene *s, const Run *r, Access access)
{
    const Window *v = s->window;
    const CellPage *page = &v->pages[(r->at >> PAGE_BITS) - (v->base >> PAGE_BITS)];
    u8 *unknown = v->unknown ? (u8 *)v->unknown + (r->at - v->base) : NULL;
    if (r->bytes >> page->grain_bits == 0)
        return 0;                                             // finer cells are needed
    s->groups = page->groups;
    s->base = r->at & ~(u64)(PAGE_BYTES - 1);
    s->grain_bits = page->grain_bits;
    if (unknown && access == ACCESS_READ && !all_states(unknown, r, 0, 0xff))
        return 0;
    int lanes = watch_cells(s, r, access);
    if (unknown && access == ACCESS_WRITE)
        memset(unknown, 0, (size_t)lanes * r->bytes);
    return lanes;
}

// --- runs ------------------------------------------------------------------------------------------

// Runs of lanes of the mask, from a lane on.
static inline Run next_run(uint32_t mask, const u64 at[LANES], unsigned bytes, uint32_t follows,
                           uint32_t same, int lane)
{
    u64 there = (u64)mask >> lane;
    int lanes = __builtin_ctzll(~there), dense = __builtin_ctzll(~(u64)(follows >> lane)) + 1;
    int equal = __builtin_ctzll(~(u64)(same >> lane)) + 1;
    Run r = { .lane = lane, .same = dense == 1 && equal > 1, .at = at[lane], .bytes = bytes };
    r.lanes = r.same ? equal : dense;
    r.lanes = r.lanes < lanes ? r.lanes : lanes;
    int room = (int)((PAGE_BYTES - r.at % PAGE_BYTES) / bytes);        // a run stays within a page
    r.lanes = r.same || r.lanes < room ? r.lanes : room;
    r.same = r.same && r.lanes > 1;
    return r;
}

static uint32_t watch_runs(Scene *s, Space space, uint32_t mask, const u64 at[LANES], unsigned bytes,
                           Access access)
{
    uint32_t follows = 0, same = 0, left = 0;
    for (int l = 0; l < LANES - 1; l++) {
        follows |= (u32)(at[l + 1] - at[l] == bytes) << l;
        same |= (u32)(at[l + 1] == at[l]) << l;
    }
    if (access != ACCESS_READ)
        same = 0;
    for (uint32_t rest = mask; rest;) {
        Run r = next_run(mask, at, bytes, follows, same, __builtin_ctz(rest));
        int lanes = space == SPACE_SHARED ? watch_shared(s, &r, access) : watch_global(s, &r, access);
        uint32_t run = (r.lanes == LANES ? ALL_LANES : (1u << r.lanes) - 1) << r.lane;
        uint32_t passed = (lanes == LANES ? ALL_LANES : (1u << lanes) - 1) << r.lane;
        left |= run & ~passed;
        rest &= ~run;
    }
    return left;
}

static inline Scene scene_of(const Warp *w, const Insn *i)
{
    const Block *b = w->block;
    return (Scene){ .w = w, .begin = b->first_epoch, .now = b->epoch, .syncs = (u32)w->syncs << SYNCS_AT,
                    .insn = (u32)(i - b->launch->kernel->code) };
}

static void show_shared(Scene *s, const Block *b)
{
    s->groups = b->cells;
    s->grain_bits = (unsigned)__builtin_ctz(b->launch->kernel->shared_grain);
    s->safe = s->first = b->first_epoch;
}

// False: the bytes are not within what the launch may touch.
static bool show_global(Scene *s, Block *b, u64 at, unsigned bytes)
{
    const Launch *launch = b->launch;
    Window *v = &b->windows[s->insn % WINDOWS];
    bool holds = at - v->first < v->size && v->size - (at - v->first) >= bytes;
    if (!holds && !vgpu_memory_window(launch->how->memory, at, bytes, v))
        return false;
    s->order = vgpu_memory_order(launch->how->memory);
    s->window = v;
    s->first = launch->first_epoch;
    s->safe = s->order ? vgpu_order_settled(s->order) : s->first;
    s->safe += s->safe == 0;                                  // epoch 0 is none
    s->writes = (Done){ v->done_first[0], v->done_count[0] };
    s->reads = (Done){ v->done_first[1], v->done_count[1] };
    return true;
}

uint32_t LEVEL(insn_watch)(Warp *w, const Insn *i, Space space, uint32_t mask, const u64 at[LANES],
                           unsigned bytes, Access access, u8 *host[LANES])
{
    Block *b = w->block;
    u64 a[LANES], shared = space == SPACE_SHARED ? ALL_LANES : ~(u64)0;
    if ((space != SPACE_SHARED && (space != SPACE_GLOBAL || !b->launch->how->memory)) ||
        access == ACCESS_ATOMIC || w->has_partial)
        return mask;
    for (int l = 0; l < LANES; l++)
        a[l] = at[l] & shared;
    Scene s = scene_of(w, i);
    if (space == SPACE_SHARED)
        show_shared(&s, b);
    else if (!show_global(&s, b, a[__builtin_ctz(mask)], bytes))
        return mask;
    u64 first = s.window ? s.window->first : 0, size = s.window ? s.window->size : b->launch->shared_bytes;
    if (size < bytes)
        return mask;
    uint32_t beside = 0;
    for (int l = 0; l < LANES; l++)
        beside |= (u32)(a[l] - first > size - bytes || (a[l] & (bytes - 1))) << l;
    u8 *base = space == SPACE_SHARED ? b->shared : NULL;
    for (int l = 0; l < LANES; l++)
        host[l] = (u8 *)((uintptr_t)base + a[l]);
    uint32_t left = mask & beside;
    return mask == left ? left : left | watch_runs(&s, space, mask & ~left, a, bytes, access);
}

void LEVEL(insn_watch_arrival)(Warp *w, const Insn *i, uint32_t mask, u8 *const to[LANES], unsigned bytes)
{
    Block *b = w->block;
    if (!b->shared_state)
        return;
    Scene s = scene_of(w, i);
    show_shared(&s, b);
    unsigned cells = bytes >> s.grain_bits;
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1) || to[l] == b->nowhere)
            continue;
        u64 at = (u64)(to[l] - b->shared);
        size_t first = at >> s.grain_bits;
        V8 own = slots * 0 + (u32)(w->index * LANES + l);
        memset(b->shared_state + at, BYTE_KNOWN, bytes);
        for (size_t g = first / GROUP_CELLS; g <= (first + cells - 1) / GROUP_CELLS; g++)
            put_write(&s, &s.groups[g], (V8)(slots + (u32)(g * GROUP_CELLS - first) < cells), own);
    }
}
