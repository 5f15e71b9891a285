// Rounding by hand, exact in every mode: numbers to the formats of PTX, and sums that lose nothing
// which a later rounding could miss.
#ifndef RUNTIME_VGPU_ROUNDING_H
#define RUNTIME_VGPU_ROUNDING_H
#include "runtime/vgpu/insn/lanes.h"

static inline u32 bits_of_f32(f32 x) { u32 u; memcpy(&u, &x, 4); return u; }
static inline f32 f32_of_bits(u32 u) { f32 x; memcpy(&x, &u, 4); return x; }
static inline u64 bits_of_f64(f64 x) { u64 u; memcpy(&u, &x, 8); return u; }
static inline f64 f64_of_bits(u64 u) { f64 x; memcpy(&x, &u, 8); return x; }

// A floating-point format: bits of exponent and of fraction.
typedef struct { int exponent, fraction; } Format;
#define FORMAT_F16  ((Format){ 5, 10 })
#define FORMAT_BF16 ((Format){ 8, 7 })
#define FORMAT_TF32 ((Format){ 8, 10 })
#define FORMAT_F32  ((Format){ 8, 23 })
#define FORMAT_F64  ((Format){ 11, 52 })

static inline bool goes_up(bool negative, u64 kept, u64 rest, u64 half, Rounding r)
{
    switch (r) {
    case ROUND_NEAREST: return rest > half || (rest == half && (kept & 1));
    case ROUND_AWAY:    return rest >= half;
    case ROUND_DOWN:    return negative && rest;
    case ROUND_UP:      return !negative && rest;
    default:            return false;
    }
}

// magnitude * 2^exponent as the bits of a format.
static inline u64 round_parts(bool negative, u64 magnitude, int exponent, Format f, Rounding r)
{
    u64 sign = (u64)negative << (f.exponent + f.fraction);
    u64 infinity = (((u64)1 << f.exponent) - 1) << f.fraction;
    if (magnitude == 0)
        return sign;
    if (f.exponent < 1)
        __builtin_unreachable();
    int zeros = __builtin_clzll(magnitude);
    magnitude <<= zeros;
    magnitude = magnitude >> 2 | (magnitude & 3 ? 1 : 0);          // 62 bits, the last one sticky
    int at = exponent + 63 - zeros, least = 2 - (1 << (f.exponent - 1));
    int shift = 61 - f.fraction + (at < least ? least - at : 0);
    if (shift > 63)
        shift = 63;                                                    // less than half of the least number
    if (shift < 1)
        __builtin_unreachable();                                   // no format has 61 bits
    u64 kept = magnitude >> shift, rest = magnitude & (((u64)1 << shift) - 1);
    kept += goes_up(negative, kept, rest, (u64)1 << (shift - 1), r);
    u64 result = kept;
    if (at >= least)
        result += (u64)(at - least) << f.fraction;                 // the leading 1 counts as one more
    if (result >= infinity) {
        bool inward = r == ROUND_ZERO || (r == ROUND_DOWN && !negative) || (r == ROUND_UP && negative);
        result = inward ? infinity - 1 : infinity;
    }
    return sign | result;
}

// NaN becomes the canonical one: all ones but the sign.
static inline u64 round_f64(f64 x, Format f, Rounding r)
{
    u64 u = bits_of_f64(x), fraction = u & (((u64)1 << 52) - 1);
    int exponent = (int)(u >> 52) & 0x7ff;
    if (exponent == 0x7ff)
        return fraction ? ((u64)1 << (f.exponent + f.fraction)) - 1
                        : (u >> 63) << (f.exponent + f.fraction) | (((u64)1 << f.exponent) - 1) << f.fraction;
    if (exponent == 0)
        return round_parts(u >> 63, fraction, -1074, f, r);
    return round_parts(u >> 63, fraction | (u64)1 << 52, exponent - 1075, f, r);
}

static inline f32 f32_of_f64(f64 x, Rounding r) { return f32_of_bits((u32)round_f64(x, FORMAT_F32, r)); }
static inline u16 f16_of_f64(f64 x, Rounding r) { return (u16)round_f64(x, FORMAT_F16, r); }
static inline u16 bf16_of_f64(f64 x, Rounding r) { return (u16)round_f64(x, FORMAT_BF16, r); }

static inline f32 f32_of_bf16(u16 h) { return f32_of_bits((u32)h << 16); }

static inline f32 f32_of_f16(u16 h)
{
    u32 rest = h & 0x7fff, sign = (u32)(h & 0x8000) << 16;
    f32 x = f32_of_bits(rest << 13) * 0x1p112f;                        // exact, subnormal numbers too
    return f32_of_bits(sign | (rest >= 0x7c00 ? 0x7f800000 | rest << 13 : bits_of_f32(x)));
}

// To the nearest even, without branches: what the kernels do in every store.
static inline u16 bf16_of_f32(f32 x)
{
    u32 u = bits_of_f32(x), rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    return (u16)((u & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded);
}

static inline u16 f16_of_f32(f32 x) { return f16_of_f64((f64)x, ROUND_NEAREST); }

// a + b of doubles rounded to odd: the last bit says whether anything was lost, so that rounding the
// result once more, to a format of at most 50 bits, is as if the sum had been exact.
static inline f64 odd_sum(f64 a, f64 b)
{
    f64 sum = a + b, part = sum - a;
    f64 lost = (a - (sum - part)) + (b - part);
    u64 u = bits_of_f64(sum);
    if (lost == 0 || lost != lost || (u & 1))
        return sum;
    return f64_of_bits((lost > 0) == (sum > 0) ? u + 1 : u - 1);
}

static inline f32 add_rounded(f64 a, f64 b, Rounding r)
{
    f64 sum = odd_sum(a, b);
    if (sum == 0 && r == ROUND_DOWN && !(signbit(a) && signbit(b)) && (signbit(a) || signbit(b)))
        return -0.0f;
    return f32_of_f64(sum, r);
}

// Subnormal numbers become zeros.
static inline f32 flushed(f32 x)
{
    u32 u = bits_of_f32(x);
    return f32_of_bits(u & 0x7f800000 ? u : u & 0x80000000);
}

static inline f32 saturated(f32 x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }       // NaN: 0

// The number that is not NaN; zeros are ordered by sign.
#define ORDERED(name, type, unsigned_type, bits_of, of_bits, order, zeros, nan)          \
    static inline type name(type a, type b)                                              \
    {                                                                                    \
        unsigned_type ua = bits_of(a), ub = bits_of(b);                                  \
        type r = a order b ? a : b;                                                      \
        r = a == b ? of_bits(ua zeros ub) : r;                                           \
        r = a != a ? b : b != b ? a : r;                                                 \
        return r != r ? of_bits(nan) : r;                                                \
    }
ORDERED(least_f32, f32, u32, bits_of_f32, f32_of_bits, <, |, 0x7fffffff)
ORDERED(most_f32,  f32, u32, bits_of_f32, f32_of_bits, >, &, 0x7fffffff)
ORDERED(least_f64, f64, u64, bits_of_f64, f64_of_bits, <, |, 0x7fffffffffffffff)
ORDERED(most_f64,  f64, u64, bits_of_f64, f64_of_bits, >, &, 0x7fffffffffffffff)
#endif
