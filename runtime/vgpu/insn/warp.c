// The family of what lanes tell each other. shfl has in o: the destination, the predicate or NO_OPERAND,
// the value, the lane, the clamp, the mask. vote: the destination, the predicate, the mask.
#include "runtime/vgpu/insn/lanes.h"

// The lane that each reads from; the bits of those whose lane is within the segment, the others keep
// their own.
static inline uint32_t find_lanes(Shuffle how, const u32 *b, const u32 *c, s32 from[LANES])
{
    uint32_t inside = 0;
    for (int l = 0; l < LANES; l++) {
        s32 by = (s32)(b[l] & 31), clamp = (s32)(c[l] & 31), segment = (s32)(c[l] >> 8 & 31);
        s32 most = (l & segment) | (clamp & ~segment), least = l & segment;
        s32 lane = how == SHUFFLE_IDX ? least | (by & ~segment) : how == SHUFFLE_UP ? l - by
                 : how == SHUFFLE_DOWN ? l + by : l ^ by;
        bool valid = how == SHUFFLE_UP ? lane >= most : lane <= most;
        from[l] = valid ? lane : l;
        inside |= (uint32_t)valid << l;
    }
    return inside;
}

static void report_lanes(Warp *w, const Insn *i, uint32_t mask, const s32 from[LANES])
{
    uint32_t members = REG(u32, 5)[__builtin_ctz(mask)];
    for (int l = 0; l < LANES; l++)
        if (mask >> l & 1 && !(mask >> from[l] & 1))
            vgpu_report(w, i, l, VGPU_BAD_LANE, "reads lane %d, which %s", from[l],
                        members >> from[l] & 1 ? "has ended" : "is not in the mask");
}

static void shuffle(Warp *w, const Insn *i, uint32_t mask)
{
    u32 *d = REG(u32, 0), a[LANES];
    const u32 *b = REG(u32, 3), *c = REG(u32, 4);
    s32 from[LANES];
    uint32_t inside, lost = 0;
    switch ((Shuffle)i->mode) {
    case SHUFFLE_IDX:  inside = find_lanes(SHUFFLE_IDX, b, c, from); break;
    case SHUFFLE_UP:   inside = find_lanes(SHUFFLE_UP, b, c, from); break;
    case SHUFFLE_DOWN: inside = find_lanes(SHUFFLE_DOWN, b, c, from); break;
    default:           inside = find_lanes(SHUFFLE_BFLY, b, c, from); break;
    }
    for (int l = 0; l < LANES; l++)
        lost |= (~mask >> from[l] & 1) << l;
    if (lost & mask)
        report_lanes(w, i, mask, from);
    memcpy(a, w->r + i->o[2], sizeof a);
    EACH_LANE(mask, d[l] = a[from[l] & 31])
    if (i->o[1] != NO_OPERAND)
        w->p[i->o[1]] = (w->p[i->o[1]] & ~mask) | (inside & mask);
}

static void vote(Warp *w, const Insn *i, uint32_t mask)
{
    uint32_t yes = (i->flip >> 1 & 1 ? ~w->p[i->o[1]] : w->p[i->o[1]]) & mask;
    if (i->mode == VOTE_BALLOT) {
        u32 *d = REG(u32, 0);
        EACH_LANE(mask, d[l] = yes)
        return;
    }
    bool all = yes == mask;
    bool result = i->mode == VOTE_ANY ? yes != 0 : i->mode == VOTE_ALL ? all : yes == 0 || all;
    w->p[i->o[0]] = (w->p[i->o[0]] & ~mask) | (result ? mask : 0);
}

static void active(Warp *w, const Insn *i, uint32_t mask)
{
    u32 *d = REG(u32, 0);
    EACH_LANE(mask, d[l] = mask)
}

// Lanes of the mask know of each other's accesses now, and of those that one of them knew of.
static void together(Warp *w, const Insn *i, uint32_t mask)
{
    (void)i;
    w->syncs++;
    if (mask == w->live) {
        w->met_all = w->syncs;
        return;
    }
    uint16_t met[LANES] = { 0 };
    w->has_partial = true;
    for (int l = 0; l < LANES; l++)
        for (int k = 0; k < LANES && mask >> l & 1; k++)
            met[k] = w->met[l][k] > met[k] ? w->met[l][k] : met[k];
    for (int k = 0; k < LANES; k++)
        met[k] = mask >> k & 1 ? w->syncs : met[k];
    EACH_LANE(mask, memcpy(w->met[l], met, sizeof met))
}

// redux: mode is an Atom, mode2 says that numbers have signs. o: destination, source, mask.
static void reduce(Warp *w, const Insn *i, uint32_t mask)
{
    u32 *d = REG(u32, 0);
    const u32 *a = REG(u32, 1);
    u32 r = a[__builtin_ctz(mask)];
    for (int l = __builtin_ctz(mask) + 1; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        bool less = i->mode2 ? (s32)a[l] < (s32)r : a[l] < r;
        switch ((Atom)i->mode) {
        case ATOM_ADD: r += a[l]; break;
        case ATOM_AND: r &= a[l]; break;
        case ATOM_OR:  r |= a[l]; break;
        case ATOM_XOR: r ^= a[l]; break;
        case ATOM_MIN: r = less ? a[l] : r; break;
        default:       r = less ? r : a[l]; break;
        }
    }
    EACH_LANE(mask, d[l] = r)
}

static const InsnRow rows[] = {
    { "shfl", shuffle, { 0 } },
    { "vote", vote, { 0 } },
    { "redux", reduce, { 0 } },
    { "activemask.b32", active, { 4 } },
    { "bar.warp.sync", together, { 0 } },
};
const InsnFamily LEVEL(insn_warp) = { rows, sizeof rows / sizeof *rows };
