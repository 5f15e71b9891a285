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

static inline s32 dot4_s8(u32 a, u32 b)
{
    s32 sum = 0;
    for (int k = 0; k < 32; k += 8)
        sum += (s8)(a >> k) * (s8)(b >> k);
    return sum;
}

static inline u32 dot4_u8(u32 a, u32 b)
{
    u32 sum = 0;
    for (int k = 0; k < 32; k += 8)
        sum += (a >> k & 255) * (b >> k & 255);
    return sum;
}

#include "runtime/vgpu/insn/integer.def"

static const InsnRow rows[] = {
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/integer.def"
};
const InsnFamily LEVEL(insn_integer) = { rows, sizeof rows / sizeof *rows };
