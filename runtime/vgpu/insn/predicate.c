// The family of predicates. A comparison has in o: its predicate, the second one or NO_OPERAND, both
// sources, and the predicate it is combined with (mode: how) or NO_OPERAND.
#include "runtime/vgpu/insn/lanes.h"

static inline void put(Warp *w, int predicate, uint32_t mask, uint32_t bits)
{
    w->p[predicate] = (w->p[predicate] & ~mask) | (bits & mask);
}

static inline uint32_t combined(uint32_t bits, uint32_t with, Combination how)
{
    return how == COMBINE_AND ? bits & with : how == COMBINE_OR ? bits | with : bits ^ with;
}

static inline uint32_t source(const Warp *w, const Insn *i, int k)
{
    return i->flip >> k & 1 ? ~w->p[i->o[k]] : w->p[i->o[k]];
}

static void put_compared(Warp *w, const Insn *i, uint32_t mask, uint32_t bits)
{
    uint32_t other = ~bits;
    if (i->mode != COMBINE_NOT) {
        uint32_t with = source(w, i, 4);
        bits = combined(bits, with, (Combination)i->mode);
        other = combined(other, with, (Combination)i->mode);
    }
    put(w, i->o[0], mask, bits);
    if (i->o[1] != NO_OPERAND)
        put(w, i->o[1], mask, other);
}

#define COMPARE(id, text, A, result)                                    \
    FUNCTION(id)                                                        \
    {                                                                   \
        const A *a_ = REG(A, 2), *b_ = REG(A, 3);                       \
        uint32_t bits = 0;                                              \
        for (int l = 0; l < LANES; l++) {                               \
            A a = a_[l], b = b_[l];                                     \
            bits |= (uint32_t)(result) << l;                            \
        }                                                               \
        if (i->mode == COMBINE_NOT && i->o[1] == NO_OPERAND)            \
            put(w, i->o[0], mask, bits);                                \
        else                                                            \
            put_compared(w, i, mask, bits);                             \
    }
#define TEST(id, text, A, result)                                       \
    FUNCTION(id)                                                        \
    {                                                                   \
        const A *a_ = REG(A, 1);                                        \
        uint32_t bits = 0;                                              \
        for (int l = 0; l < LANES; l++) {                               \
            A a = a_[l];                                                \
            bits |= (uint32_t)(result) << l;                            \
        }                                                               \
        put(w, i->o[0], mask, bits);                                    \
    }
#define LOGIC(id, text, result)                                         \
    FUNCTION(id)                                                        \
    {                                                                   \
        uint32_t a = source(w, i, 1), b = source(w, i, 2);              \
        put(w, i->o[0], mask, result);                                  \
    }
#define NEGATE(id, text, result)                                        \
    FUNCTION(id)                                                        \
    {                                                                   \
        uint32_t a = source(w, i, 1);                                   \
        put(w, i->o[0], mask, result);                                  \
    }
#define SELECT(id, text, A)                                             \
    FUNCTION(id)                                                        \
    {                                                                   \
        A *d_ = REG(A, 0);                                              \
        const A *a_ = REG(A, 1), *b_ = REG(A, 2);                       \
        uint32_t chosen = source(w, i, 3);                              \
        EACH_LANE(mask, A a = a_[l]; A b = b_[l]; d_[l] = chosen >> l & 1 ? a : b) \
    }
#include "runtime/vgpu/insn/predicate.def"

#undef COMPARE
#undef TEST
#undef LOGIC
#undef NEGATE
#undef SELECT
#define COMPARE(id, text, A, result) { text, id, { 0 } },
#define TEST(id, text, A, result)    { text, id, { TO_PREDICATE, sizeof(A) } },
#define LOGIC(id, text, result)      { text, id, { TO_PREDICATE, FROM_PREDICATE, FROM_PREDICATE } },
#define NEGATE(id, text, result)     { text, id, { TO_PREDICATE, FROM_PREDICATE } },
#define SELECT(id, text, A)          { text, id, { sizeof(A), sizeof(A), sizeof(A), FROM_PREDICATE } },
static const InsnRow rows[] = {
#include "runtime/vgpu/insn/predicate.def"
};
const InsnFamily LEVEL(insn_predicate) = { rows, sizeof rows / sizeof *rows };
