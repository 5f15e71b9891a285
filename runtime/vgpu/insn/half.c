// The family of arithmetic on 16-bit floats: done in double and rounded once.
#include "runtime/vgpu/insn/rounding.h"

// Every sum and product of two f16 is exact in double.
static inline u16 sum_f16(u32 a, u32 b)
{
    return f16_of_f64((f64)f32_of_f16((u16)a) + f32_of_f16((u16)b), ROUND_NEAREST);
}

static inline u16 product_f16(u16 a, u16 b)
{
    return f16_of_f64((f64)f32_of_f16(a) * f32_of_f16(b), ROUND_NEAREST);
}

static inline u16 fused_f16(u16 a, u16 b, u16 c)
{
    return f16_of_f64(odd_sum((f64)f32_of_f16(a) * f32_of_f16(b), f32_of_f16(c)), ROUND_NEAREST);
}

static inline u16 fused_bf16(u16 a, u16 b, u16 c)
{
    return bf16_of_f64(odd_sum((f64)f32_of_bf16(a) * f32_of_bf16(b), f32_of_bf16(c)), ROUND_NEAREST);
}

static inline u16 least_f16(u16 a, u16 b) { return f16_of_f32(least_f32(f32_of_f16(a), f32_of_f16(b))); }
static inline u16 most_f16(u16 a, u16 b) { return f16_of_f32(most_f32(f32_of_f16(a), f32_of_f16(b))); }
static inline u16 least_bf16(u16 a, u16 b) { return bf16_of_f32(least_f32(f32_of_bf16(a), f32_of_bf16(b))); }
static inline u16 most_bf16(u16 a, u16 b) { return bf16_of_f32(most_f32(f32_of_bf16(a), f32_of_bf16(b))); }

// Both halves of words.
#define PAIR2(f, a, b)    (f((u16)(a), (u16)(b)) | (u32)f((u16)((a) >> 16), (u16)((b) >> 16)) << 16)
#define PAIR3(f, a, b, c) \
    (f((u16)(a), (u16)(b), (u16)(c)) | (u32)f((u16)((a) >> 16), (u16)((b) >> 16), (u16)((c) >> 16)) << 16)

#include "runtime/vgpu/insn/half.def"

static const InsnRow rows[] = {
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/half.def"
};
const InsnFamily LEVEL(insn_half) = { rows, sizeof rows / sizeof *rows };
