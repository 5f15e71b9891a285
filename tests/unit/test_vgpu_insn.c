// Every instruction of the virtual GPU by itself: a kernel of that one instruction over many values,
// ordinary and awkward ones, against C. Bits must be equal; a NaN is as good as another.
#include "runtime/vgpu/insn/rows.h"
#include "runtime/vgpu/vgpu.h"
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t  s16;
typedef int32_t  s32;
typedef int64_t  s64;
typedef float    f32;
typedef double   f64;
// Other names where values are drawn in another way.
typedef u16 f16;
typedef s32 nonzero_s32;
typedef u32 nonzero_u32;
typedef s64 nonzero_s64;
typedef u64 nonzero_u64;

enum { COUNT = 65536 };

static char err[VGPU_ERROR];

// --- references ------------------------------------------------------------------------------------

static s32 clamped(s64 x) { return (s32)(x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : x); }
static f64 whole(f64 x, f64 least, f64 most) { return x < least ? least : x > most ? most : x; }
static f32 no_subnormal(f32 x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

static u64 high_by_parts(u64 a, u64 b)
{
    u64 al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32;
    u64 middle = ah * bl + (al * bl >> 32), other = al * bh + (middle & 0xffffffff);
    return ah * bh + (middle >> 32) + (other >> 32);
}

static u32 dot_of_bytes(u32 a, u32 b, bool sign)
{
    u32 sum = 0;
    for (int k = 0; k < 4; k++) {
        s32 x = (s32)(a >> 8 * k & 255), y = (s32)(b >> 8 * k & 255);
        sum += (u32)((sign && x > 127 ? x - 256 : x) * (sign && y > 127 ? y - 256 : y));
    }
    return sum;
}

static int count_bits(u64 a)
{
    int n = 0;
    for (; a; a >>= 1)
        n += a & 1;
    return n;
}

static int top_bit(u64 a)
{
    int n = -1;
    for (; a; a >>= 1)
        n++;
    return n;
}

static u64 turned(u64 a)
{
    u64 r = 0;
    for (int k = 0; k < 64; k++)
        r |= (a >> k & 1) << (63 - k);
    return r;
}

// As the PTX manual has it, bit by bit.
static u64 bit_field(u64 a, int width, u32 at, u32 length, bool sign)
{
    u32 last = at + length - 1 < (u32)width - 1 ? at + length - 1 : (u32)width - 1;
    u64 fill = length && sign ? a >> last & 1 : 0, r = 0;
    for (u32 k = 0; k < (u32)width; k++)
        r |= (k < length && at + k < (u32)width ? a >> (at + k) & 1 : fill) << k;
    return r;
}

static u64 put_field(u64 a, u64 b, int width, u32 at, u32 length)
{
    for (u32 k = 0; k < length && at + k < (u32)width; k++)
        b = (b & ~((u64)1 << (at + k))) | (a >> k & 1) << (at + k);
    return b;
}

static u32 picked_bytes(u32 a, u32 b, u32 choice)
{
    u8 bytes[8], r[4];
    memcpy(bytes, &a, 4);
    memcpy(bytes + 4, &b, 4);
    for (int k = 0; k < 4; k++) {
        u8 byte = bytes[choice >> 4 * k & 7];
        r[k] = choice >> (4 * k + 3) & 1 ? (byte > 127 ? 255 : 0) : byte;
    }
    memcpy(&a, r, 4);
    return a;
}

static u32 table_by_bits(u32 a, u32 b, u32 c, int table)
{
    u32 r = 0;
    for (int k = 0; k < 32; k++)
        r |= (u32)(table >> ((a >> k & 1) << 2 | (b >> k & 1) << 1 | (c >> k & 1)) & 1) << k;
    return r;
}

// The host's own rounding modes.
static f32 in_mode(int mode, char what, f64 a, f64 b, f64 c)
{
    volatile f32 x = (f32)a, y = (f32)b, z = (f32)c, r;
    volatile f64 wide = a;
    fesetround(mode);
    switch (what) {
    case '+': r = x + y; break;
    case '-': r = x - y; break;
    case '*': r = x * y; break;
    case 'f': r = fmaf(x, y, z); break;
    default:  r = (f32)wide; break;
    }
    fesetround(FE_TONEAREST);
    return r;
}

typedef struct { int exponent, fraction; } Format;
static const Format f16_format = { 5, 10 }, bf16_format = { 8, 7 }, tf32_format = { 8, 10 };

static f64 value_of(const Format *f, u32 bits)
{
    u32 fraction = bits & ((1u << f->fraction) - 1);
    u32 exponent = bits >> f->fraction & ((1u << f->exponent) - 1);
    f64 sign = bits >> (f->exponent + f->fraction) & 1 ? -1 : 1;
    int bias = (1 << (f->exponent - 1)) - 1;
    if (exponent == (1u << f->exponent) - 1)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - f->fraction);
    return sign * ldexp(fraction + (1u << f->fraction), (int)exponent - bias - f->fraction);
}

// The number of a format that x rounds to, found among all of them: 'n' to even, 'a' away, 'z' 'd' 'u'.
static u32 by_search(const Format *f, f64 x, char mode)
{
    u32 sign = signbit(x) ? 1u << (f->exponent + f->fraction) : 0, low = 0;
    u32 high = ((1u << f->exponent) - 1) << f->fraction;      // infinity
    if (isnan(x))
        return (1u << (f->exponent + f->fraction)) - 1;
    f64 y = fabs(x);
    if (isinf(y))
        return sign | high;
    while (high - low > 1) {
        u32 middle = (low + high) / 2;
        if (value_of(f, middle) <= y)
            low = middle;
        else
            high = middle;
    }
    f64 below = value_of(f, low), above = 2 * below - (low ? value_of(f, low - 1) : 0);
    if (low + 1 < ((1u << f->exponent) - 1) << f->fraction)
        above = value_of(f, low + 1);
    bool up = y - below > above - y || (y - below == above - y && (mode == 'a' || (low & 1)));
    if (mode == 'z' || mode == 'd' || mode == 'u')
        up = y != below && ((mode == 'd' && sign) || (mode == 'u' && !sign));
    return sign | (low + up);
}

static u32 tf32_by_search(f32 x) { return by_search(&tf32_format, x, 'a') << 13; }

static u32 pair_sum(u32 a, u32 b)
{
    const Format *f = &f16_format;
    u32 low = by_search(f, value_of(f, a & 0xffff) + value_of(f, b & 0xffff), 'n');
    return low | by_search(f, value_of(f, a >> 16) + value_of(f, b >> 16), 'n') << 16;
}

// A sum in which what does not fit a double is seen in its last bit.
static f64 exact_enough(f64 a, f64 b)
{
    volatile f64 down, up, x = a, y = b;
    fesetround(FE_DOWNWARD);
    down = x + y;
    fesetround(FE_UPWARD);
    up = x + y;
    fesetround(FE_TONEAREST);
    if (down == up || isnan(down))
        return a + b;
    u64 bits;
    memcpy(&bits, (f64[]){ down }, 8);
    return bits & 1 ? down : up;
}

// --- values ----------------------------------------------------------------------------------------

static u64 seed;

static u64 draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    u64 x = seed ^ seed >> 29;
    return x * 0xbf58476d1ce4e5b9u ^ x >> 31;
}

static u64 draw_integer(void)
{
    static const u64 awkward[] = {
        0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
        0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
        0xffffffffffffffff,
        0xffffffff80000000, 0x01010101, 0x3210, 0x7654, 0xfedc,
    };
    u64 r = draw();
    if (r % 3 == 0)
        return awkward[draw() % (sizeof awkward / sizeof *awkward)];
    return r % 3 == 1 ? draw() >> draw() % 64 : draw();
}

static f64 draw_float(f64 tiny)
{
    const f64 awkward[] = {
        0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.5, 65504, 65520, 65519, 0x1p-24, 0x1p-25, 0x1.8p-25,
        0x1p-14, INFINITY, -INFINITY, NAN, tiny, -tiny, 3 * tiny, 0x1p31, -0x1p31, 0x1p32, 0x1p63, 0x1p64,
        255, 255.5, 256, -128.5, 32767.5, 0x1.fffffep127, -0x1.fffffep127, 0x1.000002p0, 0x1.ffcp0,
        0x1.001p0, 0x1.003p0, 0x1.01p0, 0x1p-126, 0x1.fep-127,
    };
    u64 r = draw();
    if (r % 4 == 0)
        return awkward[draw() % (sizeof awkward / sizeof *awkward)];
    f64 x = (f64)(s64)draw() * 0x1p-63;
    int range = r % 4 == 1 ? 1 : r % 4 == 2 ? 40 : 300;
    return ldexp(x, (int)(draw() % (unsigned)range) - range / 2);
}

static u64 bits_of(const void *from, size_t size)
{
    u64 r = 0;
    memcpy(&r, from, size);
    return r;
}

// The n-th value for a parameter of a type, by its name.
static u64 value_for(const char *type, size_t size, int n)
{
    if (strcmp(type, "f32") == 0)
        return bits_of(&(f32){ (f32)draw_float(0x1p-149) }, 4);
    if (strcmp(type, "f64") == 0)
        return bits_of(&(f64){ draw_float(0x1p-1074) }, 8);
    u64 r = draw_integer();
    if (strcmp(type, "f16") == 0 || (strcmp(type, "u16") == 0 && n >= 0))
        return r & 1 ? draw() & 0xffff : (u64)n & 0xffff;     // all of them, in unary instructions
    if (size < 8)
        r &= ((u64)1 << 8 * size) - 1;
    return strncmp(type, "nonzero", 7) == 0 && r == 0 ? 3 : r;
}

// --- cases -----------------------------------------------------------------------------------------

typedef u64 Reference(u64 a, u64 b, u64 c, u64 e);

typedef struct {
    const char *ptx, *immediate;       // a last operand as text; NULL
    const char *types[5];              // destination, sources; NULL ends. Destination "pred": a predicate
    size_t      sizes[5];
    Reference  *reference;
} Case;

#define NAME2(a, b) a##b
#define NAME1(a, b) NAME2(a, b)
#define REFERENCE static u64 NAME1(reference_, __LINE__)(u64 a_, u64 b_, u64 c_, u64 e_)
#define TAKE(type, name) type name; memcpy(&name, &name##_, sizeof name)
#define GIVE(type, x)                             \
    (void)a_, (void)b_, (void)c_, (void)e_;       \
    type d_ = (type)(x);                          \
    return bits_of(&d_, sizeof d_)
#define ONE(ptx, D, A, x)         REFERENCE { TAKE(A, a); GIVE(D, x); }
#define TWO(ptx, D, A, B, x)      REFERENCE { TAKE(A, a); TAKE(B, b); GIVE(D, x); }
#define THREE(ptx, D, A, B, C, x) REFERENCE { TAKE(A, a); TAKE(B, b); TAKE(C, c); GIVE(D, x); }
#define FOUR(ptx, D, A, B, C, E, x) \
    REFERENCE { TAKE(A, a); TAKE(B, b); TAKE(C, c); TAKE(E, e); GIVE(D, x); }
#define IMMEDIATE(ptx, with, D, A, B, C, x) THREE(ptx, D, A, B, C, x)
#define TRUTH(ptx, A, x)          TWO(ptx, u32, A, A, x)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#include "vgpu_insn_cases.def"
#pragma GCC diagnostic pop

#undef ONE
#undef TWO
#undef THREE
#undef FOUR
#undef IMMEDIATE
#undef TRUTH
#define ROW NAME1(reference_, __LINE__)
#define ONE(ptx, D, A, x)         { ptx, NULL, { #D, #A }, { sizeof(D), sizeof(A) }, ROW },
#define TWO(ptx, D, A, B, x)      { ptx, NULL, { #D, #A, #B }, { sizeof(D), sizeof(A), sizeof(B) }, ROW },
#define THREE(ptx, D, A, B, C, x) \
    { ptx, NULL, { #D, #A, #B, #C }, { sizeof(D), sizeof(A), sizeof(B), sizeof(C) }, ROW },
#define FOUR(ptx, D, A, B, C, E, x) \
    { ptx, NULL, { #D, #A, #B, #C, #E }, { sizeof(D), sizeof(A), sizeof(B), sizeof(C), sizeof(E) }, ROW },
#define IMMEDIATE(ptx, with, D, A, B, C, x) \
    { ptx, with, { #D, #A, #B, #C }, { sizeof(D), sizeof(A), sizeof(B), sizeof(C) }, ROW },
#define TRUTH(ptx, A, x)          { ptx, NULL, { "pred", #A, #A }, { 4, sizeof(A), sizeof(A) }, ROW },
static const Case cases[] = {
#include "vgpu_insn_cases.def"
};

static const char *register_of(size_t size) { return size == 2 ? "%rs" : size == 4 ? "%r" : "%rd"; }

static bool is_left_out(int n) { return (n & 143) == 133; }              // two lanes of a warp in odd blocks

// Loads operands 1 to 4 from rows of 8 bytes, does the instruction for the lanes that are not left out,
// stores register 0.
static void print_kernel(FILE *f, const Case *c)
{
    fprintf(f, ".version 7.0\n.target sm_80\n.address_size 64\n"
               ".visible .entry k(.param .u64 from, .param .u64 to)\n{\n"
               ".reg .pred %%p<4>; .reg .b16 %%rs<8>; .reg .b32 %%r<16>; .reg .b64 %%rd<16>;\n"
               "ld.param.u64 %%rd10, [from]; ld.param.u64 %%rd11, [to];\n"
               "mov.u32 %%r10, %%ctaid.x; mov.u32 %%r11, %%ntid.x; mov.u32 %%r12, %%tid.x;\n"
               "mad.lo.s32 %%r10, %%r10, %%r11, %%r12; mul.wide.u32 %%rd12, %%r10, 8;\n"
               "add.s64 %%rd11, %%rd11, %%rd12; add.s64 %%rd10, %%rd10, %%rd12;\n");
    for (int k = 1; k < 5 && c->types[k]; k++)
        fprintf(f, "ld.global.b%d %s%d, [%%rd10+%d];\n", (int)c->sizes[k] * 8, register_of(c->sizes[k]), k,
                (k - 1) * 8 * COUNT);
    bool truth = strcmp(c->types[0], "pred") == 0;
    fprintf(f, "and.b32 %%r13, %%r10, 143; setp.ne.u32 %%p2, %%r13, 133; setp.ne.u32 %%p1, %%r10, %%r10;\n"
               "mov.b%d %s0, 0;\n@%%p2 ", (int)c->sizes[0] * 8, register_of(c->sizes[0]));
    fprintf(f, "%s %s", c->ptx, truth ? "%p1" : register_of(c->sizes[0]));
    if (!truth)
        fprintf(f, "0");
    for (int k = 1; k < 5 && c->types[k]; k++)
        fprintf(f, ", %s%d", register_of(c->sizes[k]), k);
    fprintf(f, "%s%s;\n", c->immediate ? ", " : "", c->immediate ? c->immediate : "");
    if (truth)
        fprintf(f, "selp.b32 %%r0, 1, 0, %%p1;\n");
    fprintf(f, "st.global.b%d [%%rd11], %s0;\nret;\n}\n", (int)c->sizes[0] * 8, register_of(c->sizes[0]));
}

static u64 (*values)[COUNT], results[COUNT];

static bool same(const Case *c, u64 is, u64 should)
{
    if (is == should)
        return true;
    if (strcmp(c->types[0], "f32") == 0)
        return (is & 0x7fffffff) > 0x7f800000 && (should & 0x7fffffff) > 0x7f800000;
    return strcmp(c->types[0], "f64") == 0 && is << 1 > (u64)0x7ff << 53 && should << 1 > (u64)0x7ff << 53;
}

static void run_case(const Case *c)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    print_kernel(f, c);
    fclose(f);
    VgpuModule *m = vgpu_module_load(text, err);
    if (!m)
        fail_msg("%s: %s\n%s", c->ptx, err, text);
    free(text);
    int count = c->types[2] ? COUNT / 8 : COUNT;
    for (int k = 0; k < 4; k++)
        for (int n = 0; n < count && c->types[k + 1]; n++)
            values[k][n] = value_for(c->types[k + 1], c->sizes[k + 1], c->types[2] ? (int)(draw() >> 48) : n);
    void *from = values, *to = results;
    memset(results, 0, sizeof results);
    VgpuLaunch l = { .grid = { (unsigned)count / 128, 1, 1 }, .block = { 128, 1, 1 },
                     .params = (const void *[]){ &from, &to } };
    if (!vgpu_launch(m, "k", &l, err))
        fail_msg("%s: %s", c->ptx, err);
    for (int n = 0; n < count; n++) {
        u64 should = c->reference(values[0][n], values[1][n], values[2][n], values[3][n]);
        if (is_left_out(n))
            should = 0;
        if (!same(c, results[n], should))
            fail_msg("%s of %llx %llx %llx %llx gives %llx, not %llx", c->ptx, (long long)values[0][n],
                     (long long)values[1][n], (long long)values[2][n], (long long)values[3][n],
                     (long long)results[n], (long long)should);
    }
    vgpu_module_close(m);
}

static void test_each_instruction(void **state)
{
    (void)state;
    values = calloc(4, sizeof *values);
    for (int level = 4; level > 0; level -= level == 4 ? 1 : 2) {          // as compiled for 4, 3, 1
        insn_limit_level(level);
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
            run_case(&cases[k]);
    }
    insn_limit_level(4);
    print_message("%d instructions\n", (int)(sizeof cases / sizeof *cases));
    free(values);
}

// For ptxas: "test_vgpu_insn DIR" writes each kernel to a file there.
static int write_kernels(const char *folder)
{
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char name[512];
        snprintf(name, sizeof name, "%s/%03d.ptx", folder, (int)k);
        FILE *f = fopen(name, "w");
        if (!f)
            return 1;
        print_kernel(f, &cases[k]);
        fclose(f);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return write_kernels(argv[1]);
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_instruction) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
