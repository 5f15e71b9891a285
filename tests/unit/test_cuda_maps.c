// The CUDA bodies of windows and neighbours: random nets' groups are taken in every precision, their
// texts are the same each time, NVRTC makes kernels of them without a spill or a stack frame, and what
// they move is what fusion promises.
#include "pass/pass.h"
#include "emit/kernel.h"
#include "reference/map_net.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/report.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { NETS = 9 };

static int    runs[64];                  // by row of cuda_bodies
static Nvrtc  nvrtc;
static bool   has_nvrtc;
static char   err[DEVICE_ERROR];

static bool is_wanted(Pattern p)
{
    return p == PATTERN_WINDOW || p == PATTERN_NEIGHBOURS || p == PATTERN_LRN_POOL
        || p == PATTERN_POOL_LRN_DX;
}

// The text of one kernel, to be free()d; fills k.
static char *text_of(SmallNet *s, const Target *target, Group *g, Kern *k)
{
    char *text = NULL;
    size_t size = 0;
    char fault[PROGRAM_ERROR] = "";
    Program program = { 0 };
    Emit e = { .arena = &s->arena, .program = &program, .target = target, .graph = s->g, .err = fault,
               .index = "int", .lanes = target->vector, .text = open_memstream(&text, &size) };
    *k = (Kern){ .group = g, .title = "test", .what = "test", .symbol = "k1" };
    head_unit(&e);
    const Body *body = kernel_emit(&e, k);
    fclose(e.text);
    if (!body)
        fail_msg("%s: %s", s->g->name, fault);
    for (int b = 0; cuda_bodies[b].name; b++)
        runs[b] += cuda_bodies + b == body;
    return text;
}

static void check_compiles(const char *text, const Node *root, const char *arch)
{
    NvrtcOutput out;
    Report r;
    NvrtcStatus status = nvrtc_compile(&nvrtc, text, "test.cu", arch, NULL, &out, err);
    assert_true(status == NVRTC_MADE || status == NVRTC_REFUSED);
    assert_true(report_read(&r, out.log));
    if (status == NVRTC_REFUSED || r.message_count) {
        report_print(&r, stderr, true, false);
        fail_msg("%s: NVRTC has something to say", root->name);
    }
    const ReportKernel *k = report_kernel(&r, "k1");
    assert_non_null(k);
    if (k->spill_stores || k->spill_loads || k->stack)
        fail_msg("%s for %s: %d bytes of spills, a frame of %d", root->name, arch, k->spill_stores, k->stack);
    report_close(&r);
    nvrtc_output_close(&out);
}

static void check_group(SmallNet *s, const Target *target, Group *g, const char *arch)
{
    Kern k, again;
    char *text = text_of(s, target, g, &k), *same = text_of(s, target, g, &again);
    assert_string_equal(text, same);
    assert_true(k.threads % 32 == 0 && k.grid.x > 0 && k.bytes > 0 && k.shared <= 48 * 1024);
    if (has_nvrtc)
        check_compiles(text, g->root, arch);
    free(text);
    free(same);
}

static void run_net(unsigned seed, const Target *target, const char *arch)
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
    PassOptions t = { target, seed % 4 != 3, false, true };
    if (!pass_run(s.g, &t, NULL))
        fail_msg("%s: refused", name);
    for (int i = 0; i < s.g->group_count; i++)
        if (is_wanted(s.g->groups[i]->pattern))
            check_group(&s, target, s.g->groups[i], arch);
    arena_close(&s.arena);
}

static void test_random_nets(void **state)
{
    (void)state;
    static const Element precisions[] = { ELEMENT_FLOAT, ELEMENT_TF32, ELEMENT_BF16 };
    has_nvrtc = nvrtc_find(&nvrtc, err);
    if (!has_nvrtc)
        print_message("nothing is compiled: %s\n", err);
    else if (!nvrtc_load(&nvrtc, err))
        fail_msg("%s", err);
    for (unsigned i = 0; i < NETS; i++) {
        const char *arch = i % 2 && nvrtc.major >= 12 ? "sm_90a" : "sm_80";
        run_net(i, target_with(target_find(arch), precisions[i % 3]), arch);
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
    PassOptions t = { target_find("sm_90a"), true, true, true };
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
        free(text_of(&s, t.target, g, &k));
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
