// The family of conversions. Frequent ones are rows of convert.def; `convert` does all of them, a lane
// at a time: mode is the Rounding, mode2 flags CVT_*, width and count the types of source and
// destination, base_width and reg_width the bytes of their registers.
#include "runtime/vgpu/insn/rounding.h"

static inline f32 relu(f32 x) { return x != x ? x : x > 0 ? x : 0.0f; }       // NaN stays

// What is converted: an integer as sign and magnitude, or a float.
typedef struct { bool is_float, negative; u64 magnitude; f64 f; } Number;

static bool is_float_type(Type t) { return t >= TYPE_F16; }
static bool is_signed_type(Type t) { return t == TYPE_S8 || t == TYPE_S16 || t == TYPE_S32 || t == TYPE_S64; }
static int bits_of_type(Type t)
{
    static const u8 bits[TYPES] = { 8, 8, 16, 16, 32, 32, 64, 64, 16, 16, 32, 64 };
    return bits[t];
}

static Number read_number(u64 raw, Type t)
{
    Number n = { .is_float = is_float_type(t) };
    switch (t) {
    case TYPE_F16:  n.f = f32_of_f16((u16)raw); return n;
    case TYPE_BF16: n.f = f32_of_bf16((u16)raw); return n;
    case TYPE_F32:  n.f = f32_of_bits((u32)raw); return n;
    case TYPE_F64:  n.f = f64_of_bits(raw); return n;
    default: break;
    }
    int spare = 64 - bits_of_type(t);
    s64 wide = (s64)(raw << spare);
    n.negative = is_signed_type(t) && wide < 0;
    s64 value = wide >> spare;
    n.magnitude = is_signed_type(t) ? (u64)(n.negative ? -value : value) : raw << spare >> spare;
    return n;
}

static f64 to_integral(f64 x, Rounding r)
{
    return r == ROUND_NEAREST ? rint(x) : r == ROUND_ZERO ? trunc(x) : r == ROUND_DOWN ? floor(x) : ceil(x);
}

// Beyond the range: its end. NaN: 0 in 32 bits and less, from floats that are not double.
static u64 integer_of_float(f64 x, Type from, Type to, Rounding r)
{
    int bits = bits_of_type(to);
    if (x != x)
        return from != TYPE_F64 && bits < 64 ? 0 : (u64)1 << (bits - 1);
    x = to_integral(x, r);
    f64 end = ldexp(1, is_signed_type(to) ? bits - 1 : bits);
    u64 most = is_signed_type(to) ? ((u64)1 << (bits - 1)) - 1 : ~(u64)0 >> (64 - bits);
    if (x >= end)
        return most;
    if (!is_signed_type(to))
        return x <= 0 ? 0 : (u64)x;
    return x <= -end ? ~most : (u64)(s64)x;
}

static u64 integer_of_integer(Number n, Type to, bool saturate)
{
    int bits = bits_of_type(to);
    u64 most = is_signed_type(to) ? ((u64)1 << (bits - 1)) - 1 : ~(u64)0 >> (64 - bits);
    if (saturate && !n.negative && n.magnitude > most)
        return most;
    if (saturate && n.negative && (!is_signed_type(to) || n.magnitude > most + 1))
        return is_signed_type(to) ? ~most : 0;
    return n.negative ? 0 - n.magnitude : n.magnitude;
}

static u64 float_of_number(Number n, Type to, const Insn *i)
{
    static const Format formats[TYPES] = {
        [TYPE_F16] = { 5, 10 }, [TYPE_BF16] = { 8, 7 }, [TYPE_F32] = { 8, 23 }, [TYPE_F64] = { 11, 52 },
    };
    Format f = formats[to];
    Rounding r = (Rounding)i->mode;
    if (!n.is_float)
        return round_parts(n.negative, n.magnitude, 0, f, r);
    if (i->mode2 & CVT_FLUSH && fabs(n.f) < 0x1p-126)
        n.f = copysign(0, n.f);
    if (i->mode2 & CVT_TO_INTEGER)
        n.f = to_integral(n.f, r);
    if (i->mode2 & CVT_SATURATE)
        n.f = n.f > 0 ? (n.f < 1 ? n.f : 1) : 0;
    return round_f64(n.f, f, r);
}

static void convert(Warp *w, const Insn *i, uint32_t mask)
{
    Type from = (Type)i->width, to = (Type)i->count;
    for (int l = 0; l < LANES; l++) {
        if (!(mask >> l & 1))
            continue;
        u64 raw = 0, result;
        memcpy(&raw, w->r + i->o[1] + l * i->base_width, i->base_width);
        Number n = read_number(raw, from);
        if (is_float_type(to))
            result = float_of_number(n, to, i);
        else if (n.is_float)
            result = integer_of_float(n.f, from, to, (Rounding)i->mode);
        else
            result = integer_of_integer(n, to, i->mode2 & CVT_SATURATE);
        if (is_signed_type(to))                                      // widened to the register
            result = (u64)((s64)(result << (64 - bits_of_type(to))) >> (64 - bits_of_type(to)));
        else if (bits_of_type(to) < 64)
            result &= ((u64)1 << bits_of_type(to)) - 1;
        memcpy(w->r + i->o[0] + l * i->reg_width, &result, i->reg_width);
    }
}

#include "runtime/vgpu/insn/convert.def"

static const InsnRow rows[] = {
    { "cvt", convert, { 0 } },
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/convert.def"
};
const InsnFamily LEVEL(insn_convert) = { rows, sizeof rows / sizeof *rows };
