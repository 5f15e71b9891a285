// Every memory-bound body, and those of locally connected layers, against the evaluator's plain double
// loops: random nets of pools, normalisations, pointwise chains, concatenations and slices, fused and
// unfused, for every instruction set this machine runs. The nets' channels, pieces and batches rarely fill
// vectors.
#include "pass/pass.h"
#include "reference/kernel_graph.h"
#include "reference/local_net.h"
#include "reference/map_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { NETS = 12, UNIT_NETS = 4, LEAST_RUNS = 10 };

static int runs[64];                     // by row of cpu_bodies

typedef void Build(SmallNet *s, unsigned seed);

static KernelGraph *add_net(KernelUnitCase *u, SmallNet *s, Build *build, unsigned seed, bool fuse)
{
    const char *name = arena_printf(&s->arena, "net %u%s", seed, fuse ? "" : ", unfused");
    s->g = graph_new(&s->arena, &s->diag, name, GRAPH_TRAIN, 1 + (int)(seed * 5 % 19));
    graph_device(s->g, "gpu0");
    build(s, seed);
    s->g->rule = (SolverRule)(seed % SOLVER_RULES);
    s->g->accumulate = 1 + (int)(seed % 3);
    PassOptions t = { u->target, fuse, false, true, 1, NULL };
    if (!pass_run(s->g, &t, NULL)) {
        diag_print(&s->diag, stderr, false);
        fail_msg("%s: refused", name);
    }
    Evaluator *e = evaluator_open(&s->arena, s->g);
    evaluator_fill(e, seed);
    e->frozen = e->is_first = true;
    evaluator_run(e);
    return kernel_graph_add(u, s->g, e);
}

static void count_runs(const KernelGraph *k)
{
    for (int i = 0; i < k->graph->group_count; i++)
        for (int b = 0; k->kernels[i] && cpu_bodies[b].name; b++)
            runs[b] += cpu_bodies[b].name == k->kernels[i]->body;
}

// Some nets in one unit.
static void run_unit(const Target *target, Build *build, unsigned first, bool fuse)
{
    SmallNet s = { 0 };
    KernelUnitCase u;
    KernelGraph *nets[UNIT_NETS];
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    diag_open(&s.diag, &s.arena);
    unit_open(&u, &s.arena, target);
    for (unsigned i = 0; i < UNIT_NETS; i++)
        nets[i] = add_net(&u, &s, build, first + i, fuse);
    if (!unit_compile(&u, NULL))
        fail_msg("%s", u.err);
    for (int i = 0; i < UNIT_NETS; i++) {
        kernel_graph_check(&u, nets[i]);
        count_runs(nets[i]);
    }
    unit_close(&u);
    arena_close(&s.arena);
}

static void run_fused(const Target *target, bool fallback)
{
    (void)fallback;
    for (unsigned i = 0; i < NETS; i += UNIT_NETS)
        run_unit(target, map_net, i, true);
}

static void test_fused(void **state)
{
    (void)state;
    case_on_every_target(run_fused, false);
}

// Targets that round run the same bodies, and one that does nothing else.
static void test_rounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NETS; i += UNIT_NETS)
        run_unit(target_with(target_native(), ELEMENT_TF32), map_net, i, true);
}

static void test_unfused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i += UNIT_NETS)
        run_unit(target_native(), map_net, i, false);
}

// A map in two pieces that end inside blocks, whose gradient comes in one: the sum of what a slice across
// them and a convolution give back.
static void pieces_net(SmallNet *s, unsigned seed)
{
    Node lrn = { .attr.lrn = { 5, 1, 0.1, 0.75, 1 } };
    Node pool = { .attr.pool.window = small_window(3, 2, 0) };
    Node slice = { .attr.slice = { 3, 20 } };
    Node *x = small_conv(s, small_input(s, 3, 9, 9), 13, 1, small_window(3, 1, 1));
    Node *both[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x) };
    x = small_op(s, OP_CONCAT, NULL, 2, both);
    if (seed % 2)
        x = small_op1(s, OP_LRN, &lrn, x);
    if (seed / 2 % 2)
        x = small_op1(s, OP_MAX_POOL, &pool, x);
    Node *ways[] = { small_op1(s, OP_TANH, NULL, small_op1(s, OP_SLICE, &slice, x)),
                     small_conv(s, x, 20, 1, small_window(1, 1, 0)) };
    small_loss(s, small_bias(s, small_fc(s, small_op(s, OP_ADD, NULL, 2, ways), 7)));
}

static void test_pieces_of_gradients(void **state)
{
    (void)state;
    run_unit(target_native(), pieces_net, 0, true);
    run_unit(target_native(), pieces_net, 0, false);
}

static void test_runs_of_images(void **state)
{
    (void)state;
    run_unit(target_native(), batch_net, 1, true);
    run_unit(target_native(), batch_net, 1, false);
}

static void run_local(const Target *target, bool unfused)
{
    for (unsigned i = 0; i < LOCAL_NETS; i += UNIT_NETS)
        run_unit(target, local_net, i, !unfused);
}

static void test_local(void **state)
{
    (void)state;
    case_on_every_target(run_local, false);
    run_local(target_with(target_native(), ELEMENT_TF32), false);
    run_local(target_native(), true);
}

// The nets above do reach every body that they are there for.
static void test_reach(void **state)
{
    (void)state;
    for (int b = 0; cpu_bodies[b].name; b++) {
        Pattern p = cpu_bodies[b].pattern;
        bool is_contraction = p == PATTERN_CONTRACTION || p == PATTERN_WEIGHTS
                              || p == PATTERN_FC_WEIGHTS || p == PATTERN_FC_UPDATE;
        if (!is_contraction && strcmp(cpu_bodies[b].name, "flip") && runs[b] < LEAST_RUNS)
            fail_msg("%s ran %d times only", cpu_bodies[b].name, runs[b]);
        if (!is_contraction)
            print_message("%s: %d\n", cpu_bodies[b].name, runs[b]);
    }
}

// --- the loss at its edges --------------------------------------------------------------------------

// No sample, a tie for the first place, a score that is not a number.
static void test_loss_edges(void **state)
{
    (void)state;
    SmallNet s = { 0 };
    KernelUnitCase u;
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    unit_open(&u, &s.arena, target_native());
    int v = u.target->vector;
    KernelCase *c = case_new(&u);
    Node *z = case_node(c, OP_INPUT, (Shape){ 3, 3, 1, 1 }, LAYOUT_PANEL, v, NULL, NULL);
    Node *label = case_node(c, OP_LABEL, (Shape){ 3, 1, 1, 1 }, LAYOUT_PLAIN, v, NULL, NULL);
    Node *out[] = {
        case_node(c, OP_CROSS_ENTROPY, label->shape, LAYOUT_PLAIN, v, z, label),
        case_node(c, OP_TOP, label->shape, LAYOUT_PLAIN, v, z, label),
        case_node(c, OP_CROSS_ENTROPY_DX, z->shape, LAYOUT_PANEL, v, z, label),
    };
    out[1]->attr.top.k = 1;
    c->group = (Group){ .pattern = PATTERN_LOSS, .root = out[0], .nodes = out, .count = 3,
                        .outputs = out, .output_count = 3 };
    c->kern.group = &c->group;
    assert_non_null(kernel_emit(&u.emit, &c->kern));
    if (!unit_compile(&u, NULL))
        fail_msg("%s", u.err);
    StepState step = { 0 };
    u.state = &step;
    float *scores = case_stored(&u, c, z);
    int32_t *labels = (int32_t *)case_stored(&u, c, label);
    memcpy(labels, (int32_t[]){ -1, 1, 0 }, 3 * sizeof *labels);
    scores[v] = scores[v + 1] = 1;                 // image 1: classes 0 and 1 share the first place
    case_run_item(&u, c, 0, NULL);
    case_run_item(&u, c, 1, NULL);
    assert_true(case_stored(&u, c, out[0])[0] == 0 && case_stored(&u, c, out[1])[0] == 0);
    assert_true(case_stored(&u, c, out[2])[0] == 0 && case_stored(&u, c, out[1])[1] == 0.5f);
    assert_int_equal(step.stop, 0);
    scores[2 * v + 2] = __builtin_nanf("");
    case_run_item(&u, c, 2, NULL);
    assert_int_equal(step.stop, 1);
    unit_close(&u);
    arena_close(&s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_edges), cmocka_unit_test(test_fused),
        cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_unfused), cmocka_unit_test(test_pieces_of_gradients),
        cmocka_unit_test(test_runs_of_images),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
