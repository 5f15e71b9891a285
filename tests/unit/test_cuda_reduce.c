// The CUDA bodies that sum, update and move: which of them take the groups of small nets in every
// precision, what they count as moved, and that NVRTC makes AlexNet's largest without spills.
#include "compile.h"
#include "emit/cuda/head.h"
#include "pass/pass.h"
#include "reference/small_net.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/report.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const targets[] = { "sm_80", "sm_80:fp32", "sm_90a:bf16" };
enum { TARGETS = 3, ROWS = 64 };

// A kernel made of one group.
typedef struct { Kern kern; const Body *body; char *text; char err[PROGRAM_ERROR]; } Made;

static Made make(SmallNet *s, const Target *t, Group *g)
{
    Made m = { .kern = { .group = g, .title = g->root->name, .what = "" } };
    Program program = { 0 };
    size_t size = 0;
    FILE *out = open_memstream(&m.text, &size);
    Emit e = { .arena = &s->arena, .program = &program, .target = t, .graph = s->g, .text = out,
               .err = m.err, .index = "int", .lanes = t->vector };
    snprintf(m.kern.symbol, sizeof m.kern.symbol, "k");
    head_unit(&e);
    m.body = kernel_emit(&e, &m.kern);
    fclose(out);
    if (!m.body)
        fail_msg("%s, %s: %s", t->name, g->root->name, m.err);
    return m;
}

static bool is_ours(Pattern p)
{
    return p == PATTERN_CHANNEL_SUM || p == PATTERN_LOSS || p == PATTERN_SOFTMAX || p == PATTERN_UPDATE
        || p == PATTERN_RELAYOUT;
}

static void open_net(SmallNet *s, int batch)
{
    arena_open(&s->arena, 0, &s->exhausted);
    diag_open(&s->diag, &s->arena);
    s->g = graph_new(&s->arena, &s->diag, "net", GRAPH_TRAIN, batch);
    graph_device(s->g, "gpu0");
}

static void run_passes(SmallNet *s, const Target *t, bool fuse)
{
    PassOptions o = { t, fuse, false, true, 1, NULL };
    if (pass_run(s->g, &o, NULL))
        return;
    diag_print(&s->diag, stderr, false);
    fail_msg("%s: refused", t->name);
}

// The first group of a pattern whose root is of this op.
static Group *group_of(const SmallNet *s, Pattern p, Op op)
{
    for (int i = 0; i < s->g->group_count; i++)
        if (s->g->groups[i]->pattern == p && s->g->groups[i]->root->op == op)
            return s->g->groups[i];
    fail_msg("no group of %s", op_table[op]->name);
    return NULL;
}

// --- who takes what -----------------------------------------------------------------------------

// A few-channel image, a concatenation that a convolution and others read, slices inside and at the
// edges of vectors, softmax in the middle, a flattened map.
static void build(SmallNet *s)
{
    Node *x = small_bias(s, small_conv(s, small_input(s, 3, 11, 9), 24, 1, small_window(3, 2, 1)));
    Node *in[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x), x };
    Node *all = small_op(s, OP_CONCAT, NULL, 3, in);
    Node even = { .attr.slice = { 24, 24 } }, odd = { .attr.slice = { 3, 18 } };
    Node *a = small_op1(s, OP_SLICE, &even, all), *b = small_op1(s, OP_SLICE, &odd, a);
    b = small_op1(s, OP_SOFTMAX, NULL, small_bias(s, small_conv(s, b, 7, 1, small_window(1, 1, 0))));
    Node *flat = small_op1(s, OP_FLATTEN, NULL, b);
    small_loss(s, small_bias(s, small_fc(s, flat, 10)));
}

static int runs[ROWS];

static void test_every_group(void **state)
{
    (void)state;
    for (int t = 0; t < TARGETS; t++) {
        SmallNet s = { 0 };
        if (setjmp(s.exhausted))
            fail_msg("out of memory");
        const Target *target = target_find(targets[t]);
        assert_non_null(target);
        open_net(&s, 5);
        build(&s);
        run_passes(&s, target, true);
        for (int i = 0; i < s.g->group_count; i++) {
            if (!is_ours(s.g->groups[i]->pattern))
                continue;
            Made m = make(&s, target, s.g->groups[i]);
            free(m.text);
            runs[m.body - cuda_bodies]++;
        }
        arena_close(&s.arena);
    }
    for (int b = 0; cuda_bodies[b].name; b++)
        if (is_ours(cuda_bodies[b].pattern) && !runs[b])
            fail_msg("nothing is done by %s", cuda_bodies[b].name);
}

// Every group of every net of the repository has a body.
static void test_nets(void **state)
{
    (void)state;
    static const char *const nets[] = { "alexnet", "alexnet_caffe", "alexnet_owt", "cifar_quick", "digits",
                                        "lenet", "vgg16" };
    int groups = 0;
    for (int i = 0; i < 7 * TARGETS; i++) {
        Compilation c;
        char path[64];
        snprintf(path, sizeof path, "nets/%s.net", nets[i / TARGETS]);
        CompileOptions o = { .target = targets[i % TARGETS], .stop_after = "fuse",
                             .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
        if (!compile_file(&c, &o, path))
            fail_msg("%s: %s", path, c.err);
        Emit e = { .arena = &c.arena, .target = target_find(o.target) };
        for (int mode = GRAPH_TRAIN; mode <= GRAPH_TEST; mode++)
            for (int g = 0; g < c.graphs[mode]->group_count; g++) {
                const Group *group = c.graphs[mode]->groups[g];
                groups += is_ours(group->pattern);
                if (is_ours(group->pattern) && !body_for(&e, group))
                    fail_msg("%s, %s: no body for %s", path, o.target, group->root->name);
            }
        compile_close(&c);
    }
    assert_true(groups > 250);
}

// A few-channel image is written in bf16, as it is read in runs of taps, so it has what its reader needs: the
// padding's rows and columns, and rows of whole vectors. An update takes its weights as they are.
static void test_image_bf16(void **state)
{
    (void)state;
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    const Target *t = target_find("sm_80:bf16");
    open_net(&s, 2);
    small_loss(&s, small_fc(&s, small_conv(&s, small_input(&s, 3, 9, 9), 8, 1, small_window(3, 4, 1)), 5));
    run_passes(&s, t, true);
    for (int i = 0; i < s.g->count; i++) {
        const Node *n = s.g->nodes[i];
        if (n->op == OP_CONV) {
            const Layout *l = &n->in[0]->layout;
            assert_int_equal(n->in[0]->op, OP_INPUT);
            assert_int_equal(l->element, ELEMENT_BF16);
            assert_int_equal(layout_pixel(l, n->in[0]->shape), 4);
            assert_int_equal(l->top, 1);
            assert_int_equal(l->left, 1);
            assert_int_equal((l->left + 9 + l->right) * 4 % t->vector, 0);
        }
        if (n->op == OP_SGD)
            assert_int_equal(n->in[0]->op, OP_PARAM);
    }
    arena_close(&s.arena);
}

// --- what they move -----------------------------------------------------------------------------

static void check_bytes(SmallNet *s, const Target *t, Group *g, int64_t want)
{
    Made m = make(s, t, g);
    free(m.text);
    if (m.kern.bytes != want)
        fail_msg("%s: %lld bytes, not %lld", g->root->name, (long long)m.kern.bytes, (long long)want);
}

static void test_bytes(void **state)
{
    (void)state;
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    const Target *t = target_find("sm_80");
    open_net(&s, 5);
    Node *x = small_bias(&s, small_conv(&s, small_input(&s, 8, 6, 7), 10, 1, small_window(3, 1, 1)));
    small_loss(&s, small_bias(&s, small_fc(&s, small_op1(&s, OP_RELU, NULL, x), 9)));
    run_passes(&s, t, false);     // by itself, a weight gradient's kernel would make the sum
    // 10 channels stand in 12: the map's gradient is read, the sums are written.
    Group *sum = NULL;
    for (int i = 0; i < s.g->group_count; i++)
        if (s.g->groups[i]->root->op == OP_BIAS_DW && s.g->groups[i]->root->shape.c == 10)
            sum = s.g->groups[i];
    assert_non_null(sum);
    check_bytes(&s, t, sum, 4 * (5 * 6 * 7 * 12 + 12));
    // 9 scores in 12, read, and their gradient, written; the labels, the losses, the hits.
    check_bytes(&s, t, group_of(&s, PATTERN_LOSS, OP_CROSS_ENTROPY), 4 * (2 * 5 * 12 + 3 * 5));
    // Filters of 8 channels, as they are and rounded.
    check_bytes(&s, t, group_of(&s, PATTERN_RELAYOUT, OP_RELAYOUT), 4 * 2 * 10 * 3 * 3 * 8);
    arena_close(&s.arena);
}

// --- compiling them -----------------------------------------------------------------------------

static void compile(const Nvrtc *nvrtc, const Made *m)
{
    NvrtcOutput out = { 0 };
    char err[DEVICE_ERROR];
    Report r = { 0 };
    if (nvrtc_compile(nvrtc, m->text, "k.cu", "sm_80", NULL, &out, err) != NVRTC_MADE)
        fail_msg("%s: %s\n%s", m->body->name, err, out.log ? out.log : "");
    assert_true(report_read(&r, out.log));
    const ReportKernel *k = report_kernel(&r, "k");
    assert_non_null(k);
    assert_int_equal(r.message_count, 0);
    if (k->spill_stores || k->spill_loads || k->stack)
        fail_msg("%s spills", m->body->name);
    print_message("%s: %d registers, %d bytes shared\n", m->body->name, k->registers, k->shared);
    report_close(&r);
    nvrtc_output_close(&out);
}

// At AlexNet's sizes.
static void build_large(SmallNet *s)
{
    Node *x = small_bias(s, small_conv(s, small_input(s, 3, 227, 227), 96, 1, small_window(11, 4, 0)));
    x = small_op1(s, OP_SOFTMAX, NULL, x);
    small_loss(s, small_bias(s, small_fc(s, x, 1000)));
}

static void test_compiles(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    char err[DEVICE_ERROR];
    if (!nvrtc_find(&nvrtc, err) || !nvrtc_load(&nvrtc, err)) {
        print_message("skipped: %s\n", err);
        skip();
    }
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    const Target *t = target_find("sm_80:bf16");
    open_net(&s, 128);
    build_large(&s);
    run_passes(&s, t, true);
    bool seen[ROWS] = { false };
    for (int i = 0; i < s.g->group_count; i++) {
        if (!is_ours(s.g->groups[i]->pattern))
            continue;
        Made m = make(&s, t, s.g->groups[i]);
        if (!seen[m.body - cuda_bodies] || m.body->pattern == PATTERN_CHANNEL_SUM)
            compile(&nvrtc, &m);
        seen[m.body - cuda_bodies] = true;
        free(m.text);
    }
    arena_close(&s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_group),
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_image_bf16),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
