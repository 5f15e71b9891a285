// The virtual GPU's instructions on memory, between lanes and on matrices, against C.
#include "runtime/vgpu/insn/rows.h"
#include "runtime/vgpu/vgpu.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LANE_COUNT = 32, BYTES = 4096 };

static char err[VGPU_ERROR];
static uint8_t in[BYTES], out[BYTES];
static bool checks = true;

// Runs `body` with one block: %rd1 is `in`, %rd2 `out`, %r1 the thread, %r2 = 4 times it.
static void run_block(const char *top, const char *body, unsigned blocks, unsigned threads, int host_threads)
{
    char text[8192];
    snprintf(text, sizeof text,
             ".version 7.0\n.target sm_80\n.address_size 64\n%s\n"
             ".visible .entry k(.param .u64 a, .param .u64 b)\n{\n.reg .pred %%p<8>; .reg .b16 %%rs<8>;\n"
             ".reg .f32 %%f<8>; .reg .b32 %%r<32>; .reg .b64 %%rd<16>;\n"
             "ld.param.u64 %%rd1, [a]; ld.param.u64 %%rd2, [b];\nmov.u32 %%r1, %%tid.x;\n"
             "shl.b32 %%r2, %%r1, 2;\n"
             "cvt.u64.u32 %%rd3, %%r2; add.s64 %%rd4, %%rd1, %%rd3; add.s64 %%rd5, %%rd2, %%rd3;\n"
             "%s\nret;\n}\n",
             top, body);
    VgpuModule *m = vgpu_module_load(text, err);
    if (!m)
        fail_msg("%s", err);
    VgpuMemory *memory = vgpu_memory_open();
    vgpu_memory_add(memory, in, sizeof in, "in");
    vgpu_memory_add(memory, out, sizeof out, "out");
    void *a = in, *b = out;
    VgpuLaunch l = { .grid = { blocks, 1, 1 }, .block = { threads, 1, 1 },
                     .params = (const void *[]){ &a, &b }, .memory = memory, .check = checks,
                     .threads = host_threads };
    if (!vgpu_launch(m, "k", &l, err))
        fail_msg("%s", err);
    vgpu_memory_close(memory);
    vgpu_module_close(m);
}

static void run_warp(const char *top, const char *body)
{
    memset(out, 0, sizeof out);
    run_block(top, body, 1, LANE_COUNT, 1);
}

static uint32_t word(const uint8_t *from, int k)
{
    uint32_t x;
    memcpy(&x, from + 4 * k, 4);
    return x;
}

static void fill_input(void)
{
    for (int k = 0; k < BYTES; k++)
        in[k] = (uint8_t)(k * 167 + (k >> 8) * 31 + 13);
}

// --- memory ----------------------------------------------------------------------------------------

static void test_widths(void **state)
{
    (void)state;
    fill_input();
    run_warp("", "cvt.u64.u32 %rd6, %r1; add.s64 %rd7, %rd1, %rd6;\n"
                 "ld.global.u8 %r3, [%rd7]; ld.global.s8 %r4, [%rd7+1]; ld.global.nc.u8 %rs1, [%rd7+2];\n"
                 "cvt.u32.u16 %r5, %rs1; add.s64 %rd7, %rd7, %rd6; ld.global.s16 %r6, [%rd7+64];\n"
                 "ld.global.u16 %rs2, [%rd7+66]; cvt.u32.u16 %r7, %rs2;\n"
                 "mul.lo.u32 %r8, %r1, 20; cvt.u64.u32 %rd8, %r8; add.s64 %rd9, %rd2, %rd8;\n"
                 "st.global.u32 [%rd9], %r3; st.global.u32 [%rd9+4], %r4; st.global.u32 [%rd9+8], %r5;\n"
                 "st.global.u32 [%rd9+12], %r6; st.global.u32 [%rd9+16], %r7;");
    for (int l = 0; l < LANE_COUNT; l++) {
        int16_t s;
        uint16_t u;
        memcpy(&s, in + 2 * l + 64, 2);
        memcpy(&u, in + 2 * l + 66, 2);
        assert_int_equal(word(out, 5 * l), in[l]);
        assert_int_equal((int32_t)word(out, 5 * l + 1), (int8_t)in[l + 1]);
        assert_int_equal(word(out, 5 * l + 2), in[l + 2]);
        assert_int_equal((int32_t)word(out, 5 * l + 3), s);
        assert_int_equal(word(out, 5 * l + 4), u);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    fill_input();
    run_warp("", "mul.wide.u32 %rd6, %r1, 16; add.s64 %rd7, %rd1, %rd6; add.s64 %rd8, %rd2, %rd6;\n"
                 "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd7];\n"
                 "st.global.v4.f32 [%rd8], {%f4, %f3, %f2, %f1};\n"
                 "ld.global.v2.u64 {%rd9, %rd10}, [%rd7+512]; st.global.v2.b64 [%rd8+512], {%rd10, %rd9};\n"
                 "ld.global.v4.u16 {%rs1, %rs2, %rs3, %rs4}, [%rd7+1024];\n"
                 "mov.b64 %rd11, {%rs4, %rs3, %rs2, %rs1};\n"
                 "mov.b64 {%r5, %r6}, %rd11; mov.b32 {%rs5, _}, %r6;\n"
                 "st.global.v2.u32 [%rd8+1024], {%r5, %r6}; st.global.u16 [%rd8+1032], %rs5;\n"
                 "st.global.u8 [%rd8+1036], 7;");
    for (int l = 0; l < LANE_COUNT; l++) {
        for (int k = 0; k < 4; k++)
            assert_int_equal(word(out, 4 * l + k), word(in, 4 * l + 3 - k));
        assert_memory_equal(out + 512 + 16 * l, in + 512 + 16 * l + 8, 8);
        for (int k = 0; k < 4; k++)
            assert_memory_equal(out + 1024 + 16 * l + 2 * k, in + 1024 + 16 * l + 2 * (3 - k), 2);
        assert_memory_equal(out + 1032 + 16 * l, out + 1028 + 16 * l, 2);
        assert_int_equal(out[1036 + 16 * l], 7);
    }
}

// Arrays of a thread, tables of the module, and generic addresses of them.
static void test_spaces(void **state)
{
    (void)state;
    fill_input();
    run_warp(".const .align 4 .b32 table[4] = {10, 20, 30, 0xffffffff};\n"
             ".global .align 4 .b8 bytes[8] = {1, 2, 3};",
             ".local .align 8 .b8 depot[16]; .shared .align 4 .b32 shared_word[32];\n"
             "and.b32 %r3, %r1, 3; mul.wide.u32 %rd6, %r3, 4;\n"
             "mov.u64 %rd7, table; add.s64 %rd8, %rd7, %rd6;\n"
             "ld.const.u32 %r4, [%rd8]; mov.u64 %rd9, depot; add.s64 %rd10, %rd9, %rd6;\n"
             "st.local.u32 [%rd10], %r1; cvta.local.u64 %rd11, %rd10; ld.u32 %r5, [%rd11];\n"
             "mov.u32 %r6, shared_word; add.s32 %r6, %r6, %r2; st.shared.u32 [%r6], %r5;\n"
             "cvt.u64.u32 %rd12, %r6; cvta.shared.u64 %rd12, %rd12; ld.u32 %r7, [%rd12];\n"
             "cvta.to.shared.u64 %rd13, %rd12; ld.shared.u32 %r8, [%rd13]; ld.global.u8 %r9, [bytes+2];\n"
             "add.s32 %r4, %r4, %r7; add.s32 %r4, %r4, %r8; add.s32 %r4, %r4, %r9; st.u32 [%rd5], %r4;");
    for (int l = 0; l < LANE_COUNT; l++)
        assert_int_equal((int32_t)word(out, l), (l % 4 == 3 ? -1 : 10 * (l % 4) + 10) + 2 * l + 3);
}

static void test_atomics(void **state)
{
    (void)state;
    memset(out, 0, sizeof out);
    ((int32_t *)out)[2] = 1000;
    ((uint32_t *)out)[6] = 5;
    run_block("", "mov.u32 %r3, %ctaid.x; mad.lo.s32 %r4, %r3, 64, %r1; add.s32 %r5, %r4, 1;\n"
                  "atom.global.add.u32 %r6, [%rd2], %r5; red.global.max.s32 [%rd2+4], %r4;\n"
                  "atom.global.min.s32 %r6, [%rd2+8], %r4; red.relaxed.gpu.global.or.b32 [%rd2+12], %r4;\n"
                  "mov.f32 %f1, 0f3f000000; red.global.add.f32 [%rd2+16], %f1;\n"
                  "atom.global.inc.u32 %r7, [%rd2+20], 9; atom.global.cas.b32 %r8, [%rd2+24], 5, 77;\n"
                  "cvt.u64.u32 %rd6, %r4; atom.global.add.u64 %rd7, [%rd2+32], %rd6;\n"
                  "atom.global.exch.b32 %r9, [%rd2+40], 3;", 8, 64, 2);
    assert_int_equal(word(out, 0), 512 * 513 / 2);
    assert_int_equal(word(out, 1), 511);
    assert_int_equal(word(out, 2), 0);
    assert_int_equal(word(out, 3), 511);
    assert_true(((float *)out)[4] == 256);
    assert_int_equal(word(out, 5), 512 % 10);
    assert_int_equal(word(out, 6), 77);
    assert_int_equal(word(out, 8), 511 * 512 / 2);
    assert_int_equal(word(out, 10), 3);
}

static void test_copies(void **state)
{
    (void)state;
    fill_input();
    run_warp("", ".shared .align 16 .b8 s[2048]; .reg .b32 %s;\n"
                 "mov.u32 %s, s; shl.b32 %r3, %r1, 4; add.s32 %r4, %s, %r3; cvt.u64.u32 %rd6, %r3;\n"
                 "add.s64 %rd7, %rd1, %rd6; and.b32 %r5, %r1, 15;\n"
                 "cp.async.ca.shared.global [%r4], [%rd7], 16, %r5; cp.async.commit_group;\n"
                 "cp.async.ca.shared.global [%r4+512], [%rd7+8], 8; cp.async.commit_group;\n"
                 "cp.async.ca.shared.global.L2::128B [%r4+1024], [%rd7+4], 4;\n"
                 "cp.async.wait_group 1; ld.shared.v4.u32 {%r6, %r7, %r8, %r9}, [%r4];\n"
                 "add.s64 %rd8, %rd2, %rd6; st.global.v4.u32 [%rd8], {%r6, %r7, %r8, %r9};\n"
                 "cp.async.wait_all; ld.shared.u64 %rd9, [%r4+512]; ld.shared.u32 %r10, [%r4+1024];\n"
                 "st.global.u64 [%rd8+512], %rd9; st.global.u32 [%rd8+1024], %r10;");
    for (int l = 0; l < LANE_COUNT; l++) {
        for (int k = 0; k < 16; k++)
            assert_int_equal(out[16 * l + k], k < l % 16 ? in[16 * l + k] : 0);
        assert_memory_equal(out + 512 + 16 * l, in + 16 * l + 8, 8);
        assert_memory_equal(out + 1024 + 16 * l, in + 16 * l + 4, 4);
    }
}

// --- lanes -----------------------------------------------------------------------------------------

static void test_shuffles(void **state)
{
    (void)state;
    fill_input();
    // The clamp of segments of 8 lanes: 0x1807 for idx, down and bfly, 0x1800 for up.
    run_warp("", "ld.global.u32 %r3, [%rd4]; mov.u32 %r10, 0;\n"
                 "shfl.sync.idx.b32 %r4|%p1, %r3, 5, 0x1807, 0xffffffff;\n"
                 "shfl.sync.up.b32 %r5|%p2, %r3, 3, 0x1800, -1;\n"
                 "shfl.sync.down.b32 %r6|%p3, %r3, 3, 0x1807, -1; shfl.sync.bfly.b32 %r7, %r3, 9, 31, -1;\n"
                 "selp.b32 %r8, 1, 0, %p2; selp.b32 %r9, 2, 0, %p3; or.b32 %r8, %r8, %r9;\n"
                 "mul.wide.u32 %rd6, %r1, 20; add.s64 %rd7, %rd2, %rd6; st.global.u32 [%rd7], %r4;\n"
                 "st.global.u32 [%rd7+4], %r5; st.global.u32 [%rd7+8], %r6; st.global.u32 [%rd7+12], %r7;\n"
                 "st.global.u32 [%rd7+16], %r8;");
    for (int l = 0; l < LANE_COUNT; l++) {
        bool up = l % 8 >= 3, down = l % 8 + 3 < 8;
        assert_int_equal(word(out, 5 * l), word(in, l / 8 * 8 + 5));
        assert_int_equal(word(out, 5 * l + 1), word(in, up ? l - 3 : l));
        assert_int_equal(word(out, 5 * l + 2), word(in, down ? l + 3 : l));
        assert_int_equal(word(out, 5 * l + 3), word(in, l ^ 9));
        assert_int_equal(word(out, 5 * l + 4), up | down << 1);
    }
}

static void test_votes(void **state)
{
    (void)state;
    run_warp("", "setp.lt.u32 %p1, %r1, 5; setp.lt.u32 %p6, %r1, 20; mov.u32 %r9, 0;\n"
                 "vote.sync.ballot.b32 %r3, !%p1, 0xffffffff; vote.sync.any.pred %p2, %p1, -1;\n"
                 "vote.sync.all.pred %p3, %p1, -1; vote.sync.uni.pred %p4, !%p1, -1;\n"
                 "selp.b32 %r4, 1, 0, %p2; selp.b32 %r5, 2, 0, %p3; selp.b32 %r6, 4, 0, %p4;\n"
                 "or.b32 %r4, %r4, %r5; or.b32 %r4, %r4, %r6; redux.sync.add.s32 %r7, %r1, -1;\n"
                 "redux.sync.min.s32 %r8, %r1, -1;\n@%p6 activemask.b32 %r9;\n"
                 "mul.wide.u32 %rd6, %r1, 16; add.s64 %rd7, %rd2, %rd6;\n"
                 "st.global.v4.u32 [%rd7], {%r3, %r4, %r7, %r9};");
    for (int l = 0; l < LANE_COUNT; l++) {
        assert_int_equal(word(out, 4 * l), 0xffffffe0);
        assert_int_equal(word(out, 4 * l + 1), 1);
        assert_int_equal(word(out, 4 * l + 2), 31 * 16);
        assert_int_equal(word(out, 4 * l + 3), l < 20 ? 0xfffff : 0);
    }
}

// Lanes reach a shuffle by two ways; those who come first wait for the others of the mask.
static void test_lanes_wait_for_each_other(void **state)
{
    (void)state;
    fill_input();
    run_warp("", "and.b32 %r3, %r1, 1; setp.eq.u32 %p1, %r3, 0;\n@%p1 bra $even;\n"
                 "bar.warp.sync 0xaaaaaaaa; mul.lo.s32 %r4, %r1, 3; bra $join;\n"
                 "$even: bar.warp.sync 0x55555555; mul.lo.s32 %r4, %r1, 5;\n"
                 "$join: shfl.sync.bfly.b32 %r5, %r4, 1, 31, -1; st.global.u32 [%rd5], %r5;");
    for (int l = 0; l < LANE_COUNT; l++)
        assert_int_equal(word(out, l), (l ^ 1) * (l % 2 ? 5 : 3));
}

// --- matrices --------------------------------------------------------------------------------------

static void test_ldmatrix(void **state)
{
    (void)state;
    fill_input();
    static const char *const forms[] = { "x1", "x2", "x4", "x4.trans" };
    static const char *const targets[] = { "{%r10}", "{%r10, %r11}", "{%r10, %r11, %r12, %r13}",
                                           "{%r10, %r11, %r12, %r13}" };
    for (int form = 0; form < 4; form++) {
        char body[1024];
        // Rows lie backwards in memory, 16 bytes each.
        snprintf(body, sizeof body, ".shared .align 16 .b8 s[512]; .reg .b32 %%s;\n"
                 "mov.u32 %%s, s; shl.b32 %%r3, %%r1, 4; sub.s32 %%r4, 496, %%r3; add.s32 %%r5, %%s, %%r4;\n"
                 "cvt.u64.u32 %%rd6, %%r3; add.s64 %%rd7, %%rd1, %%rd6;\n"
                 "ld.global.v4.u32 {%%r6, %%r7, %%r8, %%r9}, [%%rd7];\n"
                 "st.shared.v4.u32 [%%r5], {%%r6, %%r7, %%r8, %%r9};\n"
                 "mov.u32 %%r10, 0; mov.u32 %%r11, 0; mov.u32 %%r12, 0; mov.u32 %%r13, 0; bar.sync 0;\n"
                 "ldmatrix.sync.aligned.m8n8.%s.shared.b16 %s, [%%r5];\n"
                 "add.s64 %%rd8, %%rd2, %%rd6; st.global.v4.u32 [%%rd8], {%%r10, %%r11, %%r12, %%r13};",
                 forms[form], targets[form]);
        run_warp("", body);
        int count = form == 0 ? 1 : form == 1 ? 2 : 4;
        for (int l = 0; l < LANE_COUNT; l++)
            for (int k = 0; k < 4; k++)
                for (int half = 0; half < 2; half++) {
                    int row = l / 4, column = 2 * (l % 4) + half;
                    if (form == 3)
                        row = column, column = l / 4;
                    uint16_t is, should = 0;
                    memcpy(&is, out + 16 * l + 4 * k + 2 * half, 2);
                    if (k < count)
                        memcpy(&should, in + 16 * (8 * k + row) + 2 * column, 2);
                    assert_int_equal(is, should);
                }
    }
}

typedef struct { const char *shape, *type; int k, exponent, fraction; } Product;

static double decoded(const Product *p, uint32_t bits)
{
    int fraction = (int)bits & ((1 << p->fraction) - 1);
    int exponent = (int)(bits >> p->fraction) & ((1 << p->exponent) - 1);
    double x = ldexp(fraction + (1 << p->fraction), exponent - (1 << (p->exponent - 1)) + 1 - p->fraction);
    return bits >> (p->exponent + p->fraction) & 1 ? -x : x;
}

static uint32_t random_number(const Product *p, unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    uint32_t exponent = (1u << (p->exponent - 1)) - 3 + (*seed >> 8) % 4;       // 1/8 to 2
    uint32_t bits = (*seed >> 31) << (p->exponent + p->fraction) | exponent << p->fraction;
    return bits | (*seed >> 12 & ((1u << p->fraction) - 1));
}

// The layouts of fragments are those of the PTX manual: `in` gets the registers of a, of b, and at word
// 384 of c, 32 words each.
static void fill_products(const Product *p, double a[16][16], double b[16][8], double c[16][8])
{
    int per = p->type[0] == 't' ? 1 : 2, registers = p->k / (4 * per);
    unsigned seed = 7;
    for (int l = 0; l < LANE_COUNT; l++) {
        for (int r = 0; r < 3 * registers; r++) {
            bool is_b = r >= 2 * registers;
            uint32_t packed = 0;
            for (int h = 0; h < per; h++) {
                uint32_t bits = random_number(p, &seed);
                int k = 4 * per * (is_b ? r - 2 * registers : r / 2) + l % 4 * per + h;
                double *to = is_b ? &b[k][l / 4] : &a[l / 4 + 8 * (r % 2)][k];
                *to = decoded(p, per == 1 ? bits & 0xffffe000 : bits);          // the hardware truncates tf32
                packed |= bits << 16 * h;
            }
            memcpy(in + 128 * r + 4 * l, &packed, 4);
        }
        for (int r = 0; r < 4; r++) {
            float x = (float)(l * 4 + r - 60) / 16;
            c[l / 4 + 8 * (r / 2)][2 * (l % 4) + r % 2] = x;
            memcpy(in + 128 * (12 + r) + 4 * l, &x, 4);
        }
    }
}

static void run_product(const Product *p)
{
    static const char *const lists[] = {
        "{%r3}", "{%r3, %r4}", NULL, "{%r3, %r4, %r5, %r6}", "{%r7}", "{%r7, %r8}",
    };
    int registers = p->k / (p->type[0] == 't' ? 4 : 8);
    char body[2048];
    snprintf(body, sizeof body,
             "ld.global.u32 %%r3, [%%rd4]; ld.global.u32 %%r4, [%%rd4+128];\n"
             "ld.global.u32 %%r5, [%%rd4+256]; ld.global.u32 %%r6, [%%rd4+384];\n"
             "ld.global.u32 %%r7, [%%rd4+%d]; ld.global.u32 %%r8, [%%rd4+%d];\n"
             "ld.global.f32 %%f0, [%%rd4+1536]; ld.global.f32 %%f1, [%%rd4+1664];\n"
             "ld.global.f32 %%f2, [%%rd4+1792]; ld.global.f32 %%f3, [%%rd4+1920];\n"
             "mma.sync.aligned.%s.row.col.f32.%s.%s.f32 {%%f4, %%f5, %%f6, %%f7}, %s, %s,\n"
             "{%%f0, %%f1, %%f2, %%f3};\nst.global.f32 [%%rd5], %%f4; st.global.f32 [%%rd5+128], %%f5;\n"
             "st.global.f32 [%%rd5+256], %%f6; st.global.f32 [%%rd5+384], %%f7;", 256 * registers,
             256 * registers + 128, p->shape, p->type, p->type, lists[2 * registers - 1],
             lists[3 + registers]);
    checks = false;                                           // operands are not rounded: it truncates
    run_warp("", body);
    checks = true;
}

static void test_products(void **state)
{
    (void)state;
    static const Product products[] = {
        { "m16n8k8", "tf32", 8, 8, 23 },  { "m16n8k4", "tf32", 4, 8, 23 },  { "m16n8k16", "bf16", 16, 8, 7 },
        { "m16n8k8", "bf16", 8, 8, 7 },   { "m16n8k16", "f16", 16, 5, 10 }, { "m16n8k8", "f16", 8, 5, 10 },
    };
    for (size_t n = 0; n < sizeof products / sizeof *products; n++) {
        const Product *p = &products[n];
        double a[16][16], b[16][8], c[16][8];
        memset(in, 0, sizeof in);
        fill_products(p, a, b, c);
        run_product(p);
        for (int l = 0; l < LANE_COUNT; l++)
            for (int r = 0; r < 4; r++) {
                int y = l / 4 + 8 * (r / 2), x = 2 * (l % 4) + r % 2;
                float is;
                double should = c[y][x];
                memcpy(&is, out + 128 * r + 4 * l, 4);
                for (int k = 0; k < p->k; k++)
                    should += a[y][k] * b[k][x];
                if (fabs(is - should) > 1e-5)
                    fail_msg("%s %s [%d][%d]: %g, not %g", p->shape, p->type, y, x, (double)is, should);
            }
    }
}

// --- approximations --------------------------------------------------------------------------------

static double inverse_root(double x) { return 1 / sqrt(x); }
static double inverse(double x) { return 1 / x; }

static void test_approximations(void **state)
{
    (void)state;
    static const struct {
        const char *ptx;
        double    (*exact)(double);
        double      within;
        bool        signs;
    } functions[] = {
        { "ex2.approx.f32", exp2, 0x1p-22, true },      { "ex2.approx.ftz.f32", exp2, 0x1p-22, true },
        { "lg2.approx.f32", log2, 0x1p-21, false },     { "rcp.approx.f32", inverse, 0x1p-23, true },
        { "rsqrt.approx.f32", inverse_root, 0x1p-22, false }, { "sqrt.approx.f32", sqrt, 0x1p-22, false },
        { "tanh.approx.f32", tanh, 0x1p-11, true },     { "sin.approx.f32", sin, 0x1p-19, true },
        { "cos.approx.f32", cos, 0x1p-19, true },
    };
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        char body[256];
        for (int l = 0; l < LANE_COUNT; l++) {
            float x = 0.37f * (float)(functions[f].signs ? l - 15 : l + 1);
            memcpy(in + 4 * l, &x, 4);
        }
        snprintf(body, sizeof body,
                 "ld.global.f32 %%f1, [%%rd4]; %s %%f2, %%f1; st.global.f32 [%%rd5], %%f2;",
                 functions[f].ptx);
        run_warp("", body);
        for (int l = 0; l < LANE_COUNT; l++) {
            float x = ((float *)in)[l], is = ((float *)out)[l];
            double should = functions[f].exact(x);
            if (!isinf(should) && fabs(is - should) > functions[f].within * fmax(fabs(should), 1e-3))
                fail_msg("%s of %g: %g, not %g", functions[f].ptx, (double)x, (double)is, should);
        }
    }
}

// Each with the instructions as compiled for the newest machines, and for all.
static int run_level(int level)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_atomics),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_shuffles),
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_lanes_wait_for_each_other),
        cmocka_unit_test(test_ldmatrix),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_approximations),
    };
    insn_limit_level(level);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_level(4) + run_level(3) + run_level(1);
}
