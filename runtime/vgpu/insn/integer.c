// The family of integer arithmetic.
#include "runtime/vgpu/insn/lanes.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 s128;

static inline s32 clamp_s32(s64 x)
{
    return (s32)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x);
}

static inline u64 high_u64(u64 a, u64 b) { return (u64)((u128)a * b >> 64); }
static inline s64 high_s64(s64 a, s64 b) { return (s64)((s128)a * b >> 64); }

static inline u32 byte_of(u32 a, int k, bool sign) { return sign ? (u32)(s8)(a >> 8 * k) : a >> 8 * k & 255; }
static inline u32 half_of(u32 a, int k, bool sign)
{
    return sign ? (u32)(s16)(a >> 16 * k) : a >> 16 * k & 65535;
}

static inline u32 dot4(u32 a, u32 b, bool a_sign, bool b_sign)
{
    u32 sum = 0;
    for (int k = 0; k < 4; k++)
        sum += byte_of(a, k, a_sign) * byte_of(b, k, b_sign);
    return sum;
}

// Two halves of a by the two low bytes of b.
static inline u32 dot2(u32 a, u32 b, bool a_sign, bool b_sign)
{
    return half_of(a, 0, a_sign) * byte_of(b, 0, b_sign) + half_of(a, 1, a_sign) * byte_of(b, 1, b_sign);
}

#include "runtime/vgpu/insn/integer.def"

static const InsnRow rows[] = {
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/integer.def"
};
const InsnFamily LEVEL(insn_integer) = { rows, sizeof rows / sizeof *rows };
