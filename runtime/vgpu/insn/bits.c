// The family of moves, logic, shifts and bit fields.
#include "runtime/vgpu/insn/lanes.h"

static inline u64 reversed(u64 a)
{
    a = (a >> 1 & 0x5555555555555555u) | (a & 0x5555555555555555u) << 1;
    a = (a >> 2 & 0x3333333333333333u) | (a & 0x3333333333333333u) << 2;
    a = (a >> 4 & 0x0f0f0f0f0f0f0f0fu) | (a & 0x0f0f0f0f0f0f0f0fu) << 4;
    return __builtin_bswap64(a);
}

static inline u32 highest_bit(u64 a) { return a ? 63u - (u32)__builtin_clzll(a) : ~0u; }

// `length` bits from bit `from` on, as bfe of `width` bits takes them: only their low 8 bits count.
static inline u64 field_u64(u64 a, u32 from, u32 length, u32 width)
{
    from &= 255;
    length &= 255;
    a = from >= width ? 0 : a >> from;
    return length >= 64 ? a : a & (((u64)1 << length) - 1);
}

// The same with the field's highest bit repeated; a field that reaches beyond the number has the sign.
static inline s64 field_s64(s64 a, u32 from, u32 length, u32 width)
{
    from &= 255;
    length &= 255;
    if (length == 0)
        return 0;
    a = from >= width ? (a < 0 ? -1 : 0) : a >> from;
    return length >= 64 ? a : (s64)((u64)a << (64 - length)) >> (64 - length);
}

static inline u64 insert(u64 a, u64 b, u32 at, u32 length, u32 width)
{
    at &= 255;
    length &= 255;
    if (at >= width || length == 0)
        return b;
    u64 field = (length >= 64 ? ~(u64)0 : ((u64)1 << length) - 1) << at;
    return (b & ~field) | (a << at & field);
}

// prmt: four bytes chosen out of eight; bit 3 of a choice asks for the byte's sign instead.
static inline u32 permuted(u64 bytes, u32 choice)
{
    u32 r = 0;
    for (int k = 0; k < 4; k++) {
        u32 c = choice >> 4 * k & 15;
        u32 byte = (u32)(bytes >> 8 * (c & 7)) & 255;
        r |= (c & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * k;
    }
    return r;
}

// lop3: bit (a << 2 | b << 1 | c) of the table.
static inline u32 by_table(u32 a, u32 b, u32 c, u32 table)
{
    u32 r = 0;
    for (int k = 0; k < 8; k++) {
        u32 row = (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
        r |= row & (0u - (table >> k & 1));
    }
    return r;
}

#include "runtime/vgpu/insn/bits.def"

static const InsnRow rows[] = {
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/bits.def"
};
const InsnFamily LEVEL(insn_bits) = { rows, sizeof rows / sizeof *rows };
