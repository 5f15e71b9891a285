// CPU kernels that round as GPUs do: to which number, where, and that nothing else of a program changes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "pass/pass.h"
#include "reference/kernel_case.h"
#include "reference/nets.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

// --- to which number ----------------------------------------------------------------------------

// What cvt.rna.tf32 makes of it: the middle between two goes away from zero.
static const uint32_t pairs[][2] = {
    { 0x00000000, 0x00000000 }, { 0x80000000, 0x80000000 }, { 0x3f800000, 0x3f800000 },
    { 0x3f800fff, 0x3f800000 }, { 0x3f801000, 0x3f802000 }, { 0xbf801000, 0xbf802000 },
    { 0x3f803000, 0x3f804000 }, { 0x3f802fff, 0x3f802000 }, { 0x3ffff000, 0x40000000 },
    { 0x7f7fefff, 0x7f7fe000 }, { 0x7f7ff000, 0x7f800000 }, { 0xff7fffff, 0xff800000 },
    { 0x7f800000, 0x7f800000 }, { 0xff800000, 0xff800000 }, { 0x00000fff, 0x00000000 },
    { 0x00001000, 0x00002000 }, { 0x80801234, 0x80802000 },
};
enum { PAIRS = sizeof pairs / sizeof *pairs };

static const Target *rounding(const Target *t) { return target_with(t, ELEMENT_TF32); }

static void check_pairs(const Target *of, bool fallback)
{
    (void)fallback;
    const LayoutKind kinds[] = { LAYOUT_PLAIN, LAYOUT_PANEL };
    Arena arena;
    jmp_buf exhausted;
    assert_int_equal(setjmp(exhausted), 0);
    arena_open(&arena, 0, &exhausted);
    KernelUnitCase u;
    unit_open(&u, &arena, rounding(of));
    KernelCase *c[2];
    Node *x[2], *y[2];
    for (int i = 0; i < 2; i++) {
        c[i] = case_new(&u);
        Shape s = { 1, PAIRS + 1, 1, 1 };
        x[i] = case_node(c[i], OP_INPUT, s, kinds[i], of->vector, NULL, NULL);
        y[i] = case_node(c[i], OP_RELAYOUT, s, kinds[i], of->vector, x[i], NULL);
        y[i]->layout.element = ELEMENT_TF32;
        if (!case_emit(&u, c[i], y[i], NULL, 0, "relayout_round"))
            fail_msg("%s", u.err);
    }
    if (!unit_compile(&u, NULL))
        fail_msg("%s", u.err);
    for (int i = 0; i < 2; i++) {
        float dense[PAIRS + 1];
        for (int k = 0; k < PAIRS; k++)
            dense[k] = float_of(pairs[k][0]);
        dense[PAIRS] = NAN;
        layout_scatter(&x[i]->layout, x[i]->shape, dense, case_stored(&u, c[i], x[i]));
        case_run(&u, c[i], NULL);
        const float *is = case_dense(&u, c[i], y[i]);
        for (int k = 0; k < PAIRS; k++)
            if (bits_of(is[k]) != pairs[k][1])
                fail_msg("%s: %08x becomes %08x, not %08x", u.target->name, pairs[k][0], bits_of(is[k]),
                         pairs[k][1]);
        assert_true(isnan(is[PAIRS]));
    }
    unit_close(&u);
    arena_close(&arena);
}

static void ties_go_away_from_zero(void **state)
{
    (void)state;
    case_on_every_target(check_pairs, false);
}

// A convolution rounds what it stores, though it has no epilogue.
static void check_conv(const Target *of, bool fallback)
{
    (void)fallback;
    Arena arena;
    jmp_buf exhausted;
    assert_int_equal(setjmp(exhausted), 0);
    arena_open(&arena, 0, &exhausted);
    KernelUnitCase u;
    unit_open(&u, &arena, rounding(of));
    Shape s[] = { { 2, 16, 5, 7 }, { 16, 16, 1, 1 } };
    KernelCase *c[2];
    Node *x[2], *w[2], *y[2];
    for (int i = 0; i < 2; i++) {
        c[i] = case_new(&u);
        x[i] = case_node(c[i], OP_INPUT, s[0], LAYOUT_BLOCKED, of->vector, NULL, NULL);
        w[i] = case_node(c[i], OP_PARAM, s[1], LAYOUT_FILTERS, of->vector, NULL, NULL);
        y[i] = case_node(c[i], OP_CONV, s[0], LAYOUT_BLOCKED, of->vector, x[i], w[i]);
        y[i]->attr.conv = (ConvAttr){ .groups = 1 };
        y[i]->attr.conv.window = (Window){ 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false };
        y[i]->layout.element = i ? ELEMENT_TF32 : ELEMENT_FLOAT;
        if (!case_emit(&u, c[i], y[i], NULL, 0, "conv"))
            fail_msg("%s", u.err);
    }
    if (!unit_compile(&u, NULL))
        fail_msg("%s", u.err);
    for (int i = 0; i < 2; i++) {
        case_fill(&u, c[i], x[i], 1);
        case_fill(&u, c[i], w[i], 2);
        case_run(&u, c[i], NULL);
    }
    const float *exact = case_dense(&u, c[0], y[0]), *is = case_dense(&u, c[1], y[1]);
    int changed = 0;
    for (int64_t i = 0; i < shape_count(s[0]); i++) {
        assert_int_equal(bits_of(is[i]), (bits_of(exact[i]) + 0x1000) & ~0x1fffu);
        changed += bits_of(is[i]) != bits_of(exact[i]);
    }
    assert_true(changed > shape_count(s[0]) / 2);
    unit_close(&u);
    arena_close(&arena);
}

static void contractions_round_what_they_store(void **state)
{
    (void)state;
    case_on_every_target(check_conv, false);
}

// --- where --------------------------------------------------------------------------------------

// Every contraction reads rounded numbers and nothing else is rounded but what one reads, in place of what it
// is made of, and every kernel is made by the same body as that of floats.
static void check_net(const char *name, SplitForm form)
{
    Net n;
    net_alexnet(&n, form, GRAPH_TRAIN, 2);
    const Target *t = target_with(target_find(name), ELEMENT_TF32);
    PassOptions to = { .target = t, .fuse = true, .fuse_update = true, .reuse_memory = true };
    assert_true(pass_run(n.g, &to, NULL));
    Emit e = { .arena = &n.arena, .target = t, .graph = n.g };
    int reads = 0, copies = 0;
    for (int i = 0; i < n.g->count; i++) {
        const Node *node = n.g->nodes[i];
        copies += node->op == OP_RELAYOUT && node->layout.element == ELEMENT_TF32
            && node->in[0]->layout.element == ELEMENT_FLOAT;
        assert_true(node->op != OP_PARAM || node->layout.element == ELEMENT_FLOAT);
        for (int k = 0; k < 2 && op_has(node->op, OP_CONTRACTION); k++, reads++)
            if (node->in[k]->layout.element != ELEMENT_TF32)
                fail_msg("%s: '%s' reads '%s', which is not rounded", t->name, node->name, node->in[k]->name);
    }
    for (int i = 0; i < n.g->group_count; i++)
        if (n.g->groups[i]->pattern != PATTERN_COPY && !body_for(&e, n.g->groups[i]))
            fail_msg("%s: nobody makes '%s'", t->name, n.g->groups[i]->root->name);
    // Two of forward, weight gradient and (but for conv1) input gradient of eight layers; weights, the image.
    assert_true(reads >= 2 * (8 + 8 + 7));
    assert_true(copies >= 8 + 1);
    net_close(&n);
}

static void contractions_read_rounded_numbers(void **state)
{
    (void)state;
    const char *const targets[] = { "avx512", "avx2", "sse2", "neon" };
    for (int i = 0; i < 4; i++) {
        check_net(targets[i], FORM_SPLIT);
        check_net(targets[i], FORM_GROUPED);
    }
}

static void targets_have_a_rounding_twin(void **state)
{
    (void)state;
    assert_string_equal(target_find("cpu:avx2:tf32")->name, "cpu:avx2:tf32");
    assert_string_equal(target_with(target_find("sse2"), ELEMENT_TF32)->name, "cpu:sse2:tf32");
    assert_string_equal(target_with(target_find("avx512:tf32"), ELEMENT_FLOAT)->name, "cpu:avx512");
    assert_true(target_find("cpu:tf32") == target_with(target_native(), ELEMENT_TF32));
    assert_null(target_with(target_native(), ELEMENT_BF16));
    assert_string_equal(target_with(target_find("sm_86"), ELEMENT_BF16)->name, "cuda:sm_86:bf16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_go_away_from_zero),
        cmocka_unit_test(contractions_round_what_they_store),
        cmocka_unit_test(contractions_read_rounded_numbers),
        cmocka_unit_test(targets_have_a_rounding_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
