// Sessions and the CPU device on a net in two columns: maps and threads change no bit, copies are
// counted, guards hold, parameters are drawn by logical index, rates follow the settings.
#include "compile.h"
#include "runtime/initial.h"
#include "runtime/rates.h"
#include "runtime/session.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char columns[] =
    "net columns : 3x12x12 -> 10 {\n"
    "  split(gpu0, gpu1) {\n"
    "    conv(8, 3, pad = 1) -> relu -> pool(2) -> all -> conv(12, 3, pad = 1) -> relu -> pool(2)\n"
    "    -> all -> fc(16) -> relu\n"
    "  }\n"
    "  -> fc(10) -> softmax\n"
    "}\n"
    "train columns on noise {\n"
    "  loss = cross_entropy\n  batch = 6\n  epochs = 1\n"
    "  solver = sgd(lr = 0.05, momentum = 0.9, decay = 0.001)\n"
    "  biases.lr = 0.1\n"
    "}\n"
    "data noise { train = random(10, 3x12x12, 1) }\n";

enum { STEPS = 20, BATCH = 6, IMAGE = 3 * 12 * 12 };

// Compiled once for all tests.
static Compilation compiled;
static float images[BATCH * IMAGE];
static int32_t labels[BATCH] = { 3, 1, -1, 9, 0, 3 };

static int compile_net(void **state)
{
    (void)state;
    char path[] = "/tmp/cleave-session-XX" "XX" "XX.net";
    int fd = mkstemps(path, 4);
    if (fd < 0 || write(fd, columns, sizeof columns - 1) != (ssize_t)sizeof columns - 1)
        return 1;
    close(fd);
    CompileOptions o = { .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
    bool made = compile_file(&compiled, &o, path);
    diag_print(&compiled.diag, stderr, false);
    unlink(path);
    const ProgramParam draw = { .name = "images", .fill = FILL_GAUSSIAN, .fill_value = 1 };
    initial_fill(&draw, 7, 0, BATCH * IMAGE, images);
    return made ? 0 : 1;
}

static int close_net(void **state)
{
    (void)state;
    compile_close(&compiled);
    return 0;
}

static Session *open_session(const char *map, int threads)
{
    char err[SESSION_ERROR] = "";
    SessionOptions o = { .map = map, .threads = threads, .seed = 5 };
    Session *s = session_open(compiled.program, &o, err);
    if (!s)
        fail_msg("%s", err);
    return s;
}

static void set_rates(Session *s)
{
    const Program *p = session_program(s);
    char err[RATES_ERROR];
    double fixed[16];
    ParamRates rates[16];
    Rates r;
    assert_true(p->recipe.train.setting_count <= 16 && p->param_count <= 16);
    rates_open(&r, &p->recipe.train, fixed);
    assert_true(rates_all(&r, p, 0, 0, NULL, NULL, rates, err));
    for (int i = 0; i < p->param_count; i++) {
        assert_true(rates[i].lr == (p->params[i].is_bias ? 0.1f : 0.05f));
        assert_true(rates[i].decay == (p->params[i].is_bias ? 0 : 0.001f));
    }
    session_set_rates(s, rates);
}

// All parameters after STEPS steps, one behind the other; the caller frees them.
static float *train(const char *map, int threads, double *loss, int64_t *copied)
{
    char err[SESSION_ERROR] = "";
    Session *s = open_session(map, threads);
    const Program *p = session_program(s);
    const float *inputs[] = { images };
    int q = session_find_sequence(s, SEQUENCE_TRAIN, BATCH);
    set_rates(s);
    session_poison(s, true);
    for (int i = 0; i < STEPS; i++) {
        SessionResult r;
        assert_true(session_run(s, q, inputs, labels, &r, err));
        assert_int_equal(r.images, BATCH - 1);
        assert_false(r.stopped);
        loss[i] = r.loss;
        assert_true(session_check_guards(s, err));
    }
    assert_int_equal(session_step(s), STEPS);
    int64_t total = 0, at = 0;
    for (int i = 0; i < p->param_count; i++)
        total += shape_count(p->params[i].shape);
    float *all = calloc((size_t)total, sizeof *all);
    for (int i = 0; i < p->param_count; i++, at += shape_count(p->params[i - 1].shape))
        assert_true(session_read_param(s, i, all + at, err));
    *copied = session_copied_bytes(s);
    session_close(s);
    return all;
}

static int64_t param_bytes(void)
{
    int64_t total = 0;
    for (int i = 0; i < compiled.program->param_count; i++)
        total += shape_count(compiled.program->params[i].shape);
    return 4 * total;
}

static void test_maps_and_threads_change_no_bit(void **state)
{
    (void)state;
    static const struct { const char *map; int threads; } runs[] = {
        { NULL, 2 }, { "gpu0=cpu:0,gpu1=cpu:1", 2 }, { "gpu1=cpu:0,gpu0=cpu:1", 3 },
    };
    double loss[STEPS], other[STEPS];
    int64_t copied, again;
    float *first = train(NULL, 1, loss, &copied);
    assert_true(copied > 0);
    assert_true(loss[STEPS - 1] < loss[0]);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        float *values = train(runs[i].map, runs[i].threads, other, &again);
        assert_memory_equal(first, values, (size_t)param_bytes());
        assert_memory_equal(loss, other, sizeof loss);
        assert_int_equal(copied, again);
        free(values);
    }
    free(first);
}

static void test_parameters_by_logical_index(void **state)
{
    (void)state;
    char err[SESSION_ERROR];
    Session *s = open_session(NULL, 1);
    const Program *p = session_program(s);
    for (int i = 0; i < p->param_count; i++) {
        int64_t count = shape_count(p->params[i].shape);
        float *values = calloc((size_t)count, sizeof *values);
        assert_true(session_read_param(s, i, values, err));
        for (int64_t k = 0; k < count; k++)
            assert_true(values[k] == session_initial_value(&p->params[i], 5, k));
        free(values);
    }
    session_close(s);
}

// A loss that is not finite applies nothing, on either device.
static void test_stop(void **state)
{
    (void)state;
    char err[SESSION_ERROR];
    Session *s = open_session("gpu0=cpu:0,gpu1=cpu:1", 2);
    const Program *p = session_program(s);
    const float *inputs[] = { images };
    float *bad = malloc(sizeof images), before[16], after[16];
    memcpy(bad, images, sizeof images);
    bad[5] = NAN;
    const float *poisoned[] = { bad };
    int q = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    SessionResult r;
    set_rates(s);
    assert_true(session_run(s, q, inputs, labels, &r, err));
    int bias = session_find_param(s, p->params[1].name);
    assert_true(shape_count(p->params[bias].shape) <= 16);
    assert_true(session_read_param(s, bias, before, err));
    assert_true(session_run(s, q, poisoned, labels, &r, err));
    assert_true(r.stopped);
    assert_true(session_read_param(s, bias, after, err));
    assert_memory_equal(before, after, (size_t)shape_count(p->params[bias].shape) * sizeof *after);
    assert_int_equal(session_step(s), 1);
    free(bad);
    session_close(s);
}

static void test_maps_that_are_wrong(void **state)
{
    (void)state;
    static const struct { const char *map, *says; } wrong[] = {
        { "gpu0", "map: no device stands behind a `=` in `gpu0`; want DEVICE=cpu:GROUP or DEVICE=cuda:GPU, "
                  "as in gpu0=cpu:0" },
        { "gpu7=cpu:0", "map: the net has no device `gpu7`; it has gpu0 and gpu1: did you mean `gpu0`?" },
        { "nothing=cpu:0", "map: the net has no device `nothing`; it has gpu0 and gpu1" },
        { "gpu0=cpu:9", ", runs on cpu:0 to cpu:7, not on `cpu:9`; several devices may share a group" },
        { "gpu0=cuda:0,gpu1=cpu", "map: gpu0, which is compiled for cpu:" },
        { "gpu0=cpu:0,gpu0=cpu:1", "map: given twice: `gpu0`; leave one of them out" },
        { "gpu1=cpu:1", "map: it leaves out the device `gpu0`; add gpu0=cpu:0" },
    };
    int map[PROGRAM_DEVICES], groups;
    char err[SESSION_ERROR];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(session_parse_map(compiled.program, wrong[i].map, map, &groups, err));
        if (!strstr(err, wrong[i].says))
            fail_msg("%s: %s", wrong[i].map, err);
    }
    assert_true(session_parse_map(compiled.program, "gpu1=cpu:1,gpu0=cpu", map, &groups, err));
    assert_int_equal(groups, 2);
    assert_int_equal(map[0], 0);
    assert_int_equal(map[1], 1);
}

static void test_compiler_faults(void **state)
{
    (void)state;
    char err[SESSION_ERROR] = "";
    SessionOptions o = { .threads = 1 };
    KernelUnit good = compiled.program->units[0];
    compiled.program->units[0].text = "this is no C;\n";
    assert_null(session_open(compiled.program, &o, err));
    assert_non_null(strstr(err, "unit.c:1"));
    compiled.program->units[0] = good;
    setenv("CC", "/nonexistent/cc", 1);
    assert_null(session_open(compiled.program, &o, err));
    assert_non_null(strstr(err, "no C compiler"));
    unsetenv("CC");
}

static void test_quantile(void **state)
{
    (void)state;
    static const struct { double p, z; } rows[] = {
        { 0.5, 0 }, { 0.975, 1.959963985 }, { 0.025, -1.959963985 }, { 0.9, 1.281551566 },
        { 1e-6, -4.753424309 }, { 1e-12, -7.034483825 }, { 0.9999, 3.719016485 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(fabs(initial_quantile(rows[i].p) - rows[i].z) < 2e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps_and_threads_change_no_bit),
        cmocka_unit_test(test_parameters_by_logical_index),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_maps_that_are_wrong),
        cmocka_unit_test(test_compiler_faults),
        cmocka_unit_test(test_quantile),
    };
    return cmocka_run_group_tests(tests, compile_net, close_net);
}
