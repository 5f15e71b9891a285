// The family of what lanes tell each other. shfl has in o: the destination, the predicate or NO_OPERAND,
// the value, the lane, the clamp, the mask. vote: the destination, the predicate, the mask.
#include "runtime/vgpu/insn/lanes.h"

// The lane that `l` reads from; false: it is outside the segment, and l keeps its own.
static bool shuffled_lane(Shuffle how, int l, u32 b, u32 c, int *from)
{
    int by = (int)(b & 31), clamp = (int)(c & 31), segment = (int)(c >> 8 & 31);
    int most = (l & segment) | (clamp & ~segment), least = l & segment;
    switch (how) {
    case SHUFFLE_IDX:  *from = least | (by & ~segment); return *from <= most;
    case SHUFFLE_UP:   *from = l - by; return *from >= most;
    case SHUFFLE_DOWN: *from = l + by; return *from <= most;
    default:           *from = l ^ by; return *from <= most;
    }
}

static void shuffle(Warp *w, const Insn *i, uint32_t mask)
{
    u32 *d = REG(u32, 0), a[LANES];
    const u32 *b = REG(u32, 3), *c = REG(u32, 4);
    memcpy(a, w->r + i->o[2], sizeof a);
    uint32_t members = REG(u32, 5)[__builtin_ctz(mask)], inside = 0;
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        int from;
        bool valid = shuffled_lane((Shuffle)i->mode, l, b[l], c[l], &from);
        if (!valid)
            from = l;
        else if (!(mask >> from & 1))
            vgpu_report(w, i, l, VGPU_BAD_LANE, "reads lane %d, which %s", from,
                        members >> from & 1 ? "has ended" : "is not in the mask");
        inside |= (uint32_t)valid << l;
        d[l] = a[from & 31];
    }
    if (i->o[1] != NO_OPERAND)
        w->p[i->o[1]] = (w->p[i->o[1]] & ~mask) | inside;
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

static void together(Warp *w, const Insn *i, uint32_t mask)
{
    (void)i, (void)mask;
    w->syncs++;
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
