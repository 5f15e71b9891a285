// The family of atomic operations: lane by lane, under the launch's lock. o: the destination or
// NO_OPERAND (red), the address, the operand, the second operand of cas. mode: an Atom; mode2: a Type.
#include "runtime/vgpu/insn/address.h"

static u64 compared(u64 old, u64 x, Atom how, Type type)
{
    bool less = false;
    switch (type) {
    case TYPE_S32: less = (s32)x < (s32)old; break;
    case TYPE_S64: less = (s64)x < (s64)old; break;
    default:       less = x < old; break;
    }
    return less == (how == ATOM_MIN) ? x : old;
}

static u64 summed(u64 old, u64 x, Type type)
{
    if (type == TYPE_F32) {
        f32 a, b;
        memcpy(&a, &old, 4);
        memcpy(&b, &x, 4);
        a += b;
        u32 bits;
        memcpy(&bits, &a, 4);
        return bits;
    }
    if (type == TYPE_F64) {
        f64 a, b;
        memcpy(&a, &old, 8);
        memcpy(&b, &x, 8);
        a += b;
        memcpy(&old, &a, 8);
        return old;
    }
    return old + x;
}

static u64 updated(u64 old, u64 x, u64 y, Atom how, Type type)
{
    switch (how) {
    case ATOM_ADD:  return summed(old, x, type);
    case ATOM_MIN:
    case ATOM_MAX:  return compared(old, x, how, type);
    case ATOM_AND:  return old & x;
    case ATOM_OR:   return old | x;
    case ATOM_XOR:  return old ^ x;
    case ATOM_EXCH: return x;
    case ATOM_INC:  return old >= x ? 0 : old + 1;
    case ATOM_DEC:  return old == 0 || old > x ? x : old - 1;
    default:        return old == x ? y : old;
    }
}

static u64 operand(const Warp *w, const Insn *i, int k, int lane)
{
    u64 x = 0;
    if (i->o[k] != NO_OPERAND)
        memcpy(&x, w->r + i->o[k] + lane * i->width, i->width);
    return x;
}

static void atomic(Warp *w, const Insn *i, uint32_t mask)
{
    u64 at[LANES];
    u8 *host[LANES];
    addresses(w, i->o[1], i->base_width, i->offset, at);
    locate(w, i, (Space)i->space, mask, at, i->width, ACCESS_ATOMIC, host);
    pthread_mutex_lock(&w->block->launch->atomic_lock);
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        u64 old = 0;
        memcpy(&old, host[l], i->width);
        u64 new = updated(old, operand(w, i, 2, l), operand(w, i, 3, l), (Atom)i->mode, (Type)i->mode2);
        memcpy(host[l], &new, i->width);
        if (i->o[0] != NO_OPERAND)
            memcpy(w->r + i->o[0] + l * i->width, &old, i->width);
    }
    pthread_mutex_unlock(&w->block->launch->atomic_lock);
}

static const InsnRow rows[] = {
    { "atom", atomic, { 0 } },
};
const InsnFamily LEVEL(insn_atomic) = { rows, sizeof rows / sizeof *rows };
