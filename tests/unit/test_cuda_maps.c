// The CUDA bodies of windows and neighbours: random nets' groups are taken in every precision, their
// texts are the same each time, NVRTC makes kernels of them without a spill or a stack frame, and what
// they move is what fusion promises.
#include "pass/pass.h"
#include "reference/cuda_text.h"
#include "reference/map_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { NETS = 9 };

static int   runs[64];                   // by row of cuda_bodies
static Nvrtc nvrtc;
static bool  has_nvrtc;

static bool is_wanted(Pattern p)
{
    return p == PATTERN_WINDOW || p == PATTERN_NEIGHBOURS || p == PATTERN_LRN_POOL
        || p == PATTERN_POOL_LRN_DX;
}

static const char *text_of(SmallNet *s, const Target *target, Group *g, Kern *k)
{
    const char *name;
    const char *text = cuda_text(&s->arena, s->g, g, target, NULL, 0, k, &name);
    for (int b = 0; cuda_bodies[b].name; b++)
        runs[b] += !strcmp(cuda_bodies[b].name, name);
    return text;
}

static void check_group(SmallNet *s, const Target *target, Group *g)
{
    Kern k, again;
    const char *text = text_of(s, target, g, &k);
    assert_string_equal(text, text_of(s, target, g, &again));
    assert_true(k.threads % 32 == 0 && k.grid.x > 0 && k.bytes > 0 && k.shared <= 48 * 1024);
    if (has_nvrtc)
        cuda_text_compiles(&nvrtc, text, target, g->root->name);
}

static void run_net(unsigned seed, const Target *target)
{
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    diag_open(&s.diag, &s.arena);
    const char *name = arena_printf(&s.arena, "net %u for %s", seed, target->name);
    s.g = graph_new(&s.arena, &s.diag, name, GRAPH_TRAIN, 1 + (int)(seed * 5 % 19));
    graph_device(s.g, "gpu0");
    map_net(&s, seed);
    s.g->rule = (SolverRule)(seed / 4 % SOLVER_RULES);
    PassOptions t = { target, seed % 4 != 3, false, true, 1, NULL };
    if (!pass_run(s.g, &t, NULL))
        fail_msg("%s: refused", name);
    for (int i = 0; i < s.g->group_count; i++)
        if (is_wanted(s.g->groups[i]->pattern))
            check_group(&s, target, s.g->groups[i]);
    arena_close(&s.arena);
}

static void test_random_nets(void **state)
{
    (void)state;
    static const Element precisions[] = { ELEMENT_FLOAT, ELEMENT_TF32, ELEMENT_BF16 };
    has_nvrtc = cuda_open_nvrtc(&nvrtc);
    for (unsigned i = 0; i < NETS; i++) {
        const char *arch = i % 2 && nvrtc.major >= 12 ? "sm_90a" : "sm_80";
        run_net(i, target_with(target_find(arch), precisions[i % 3]));
    }
    for (int b = 0; cuda_bodies[b].name; b++)
        if (is_wanted(cuda_bodies[b].pattern)) {
            print_message("%s: %d\n", cuda_bodies[b].name, runs[b]);
            assert_true(runs[b] > 0);
        }
}

// --- bytes of AlexNet's first layer --------------------------------------------------------------

static void first_layer(SmallNet *s)
{
    Node lrn = { .attr.lrn = { 5, 2, 1e-4, 0.75, 1 } };
    Node pool = { .attr.pool.window = small_window(3, 2, 0) };
    Node *x = small_bias(s, small_conv(s, small_input(s, 3, 227, 227), 96, 1, small_window(11, 4, 0)));
    x = small_op1(s, OP_LRN, &lrn, small_op1(s, OP_RELU, NULL, x));
    x = small_op1(s, OP_MAX_POOL, &pool, x);
    small_loss(s, small_fc(s, small_conv(s, x, 8, 1, small_window(5, 1, 2)), 10));
}

// Reading the map once, writing a quarter of it and the places; backwards, the gradients of both.
static void test_bytes(void **state)
{
    (void)state;
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    diag_open(&s.diag, &s.arena);
    s.g = graph_new(&s.arena, &s.diag, "first layer", GRAPH_TRAIN, 128);
    graph_device(s.g, "gpu0");
    first_layer(&s);
    PassOptions t = { target_find("sm_90a"), true, true, true, 1, NULL };
    if (!pass_run(s.g, &t, NULL)) {
        diag_print(&s.diag, stderr, false);
        fail_msg("refused");
    }
    double map = 128.0 * 96 * 55 * 55, pooled = 128.0 * 96 * 27 * 27;
    int seen = 0;
    for (int i = 0; i < s.g->group_count; i++) {
        Group *g = s.g->groups[i];
        bool forward = g->pattern == PATTERN_LRN_POOL, back = g->pattern == PATTERN_POOL_LRN_DX;
        if (!forward && !back)
            continue;
        Kern k;
        text_of(&s, t.target, g, &k);
        double least = forward ? 4 * map + 5 * pooled : 8 * map + 5 * pooled;
        print_message("%s: %.1f MB, at least %.1f\n", g->root->name, (double)k.bytes / 1e6, least / 1e6);
        assert_true((double)k.bytes >= least && (double)k.bytes <= 1.06 * least);
        seen++;
    }
    assert_int_equal(seen, 2);
    arena_close(&s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_nets), cmocka_unit_test(test_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
