// The whole way: nets/digits.net trained for a few steps on real digits; a run that is interrupted
// and resumed ends with the same bits, and so does one with another number of threads.
#include "compile.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/train.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { STEPS = 60, HALF = 23 };

typedef struct {
    Compilation c;
    Session    *s;
    Data        data;
    TrainOptions o;
    char        err[TRAIN_ERROR];
} Run;

static void open_run(Run *r, int threads, const char *out, const char *resume)
{
    memset(r, 0, sizeof *r);
    CompileOptions o = { .front = { .batch = 32, .seed = 1 }, .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
    if (!compile_file(&r->c, &o, "nets/digits.net")) {
        diag_print(&r->c.diag, stderr, false);
        fail_msg("%s", r->c.err);
    }
    SessionOptions so = { .threads = threads, .seed = 1 };
    r->s = session_open(r->c.program, &so, r->err);
    if (!r->s)
        fail_msg("%s", r->err);
    Span at;
    DataOptions d = { .recipe = &r->c.recipe.data, .folder = "nets", .train = true, .test = true,
                      .image = { 1, 1, 8, 8 }, .classes = 10, .threads = 1, .cache_bytes = 1 << 20 };
    if (!data_open(&r->data, &d, &at, r->err))
        fail_msg("%s", r->err);
    r->o = (TrainOptions){ .data = &r->data, .out = out, .resume = resume, .loader_threads = threads };
}

static void close_run(Run *r)
{
    data_close(&r->data);
    session_close(r->s);
    compile_close(&r->c);
}

static void assert_same_weights(Run *a, Run *b)
{
    for (int i = 0; i < a->c.program->param_count; i++) {
        size_t bytes = 4 * (size_t)shape_count(a->c.program->params[i].shape);
        float *x = malloc(bytes), *y = malloc(bytes);
        assert_true(session_read_param(a->s, i, x, a->err) && session_read_param(b->s, i, y, b->err));
        assert_memory_equal(x, y, bytes);
        assert_true(session_read_velocity(a->s, i, x, a->err) && session_read_velocity(b->s, i, y, b->err));
        assert_memory_equal(x, y, bytes);
        free(x);
        free(y);
    }
}

static void train(Run *r, int64_t steps)
{
    r->o.steps = steps;
    if (train_run(r->s, &r->o, r->err) != TRAIN_DONE)
        fail_msg("%s", r->err);
}

static void test_resume_and_threads(void **state)
{
    (void)state;
    char folder[] = "/tmp/cleave-train-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    Run *whole = calloc(3, sizeof *whole), *first = whole + 1, *second = whole + 2;
    open_run(whole, 1, folder, NULL);
    train(whole, STEPS);

    open_run(first, 2, folder, NULL);
    train(first, HALF);
    CheckpointState at = { .step = HALF, .seed = 1 };
    memcpy(at.plan_hash, first->c.program->plan_hash, sizeof at.plan_hash);
    snprintf(path, sizeof path, "%s/half.safetensors", folder);
    if (!checkpoint_save(first->s, path, &at, first->err))
        fail_msg("%s", first->err);
    close_run(first);

    open_run(second, 2, folder, path);
    train(second, STEPS);
    assert_same_weights(whole, second);
    close_run(whole);
    close_run(second);
    free(whole);
    unlink(path);
    snprintf(path, sizeof path, "%s/run.jsonl", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    unlink(path);
    rmdir(folder);
}

// It learns: after three epochs fewer than a fifth of the test digits are wrong.
static void test_digits_are_learnt(void **state)
{
    (void)state;
    char folder[] = "/tmp/cleave-train-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    Run *r = calloc(1, sizeof *r);
    open_run(r, 2, folder, NULL);
    r->o.epochs = 3;
    train(r, 0);
    TrainReport report;
    assert_true(train_test(r->s, &r->o, &report, r->err));
    assert_true(report.metrics[0] > 0.8);
    close_run(r);
    free(r);
    snprintf(path, sizeof path, "%s/run.jsonl", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/last.safetensors", folder);
    unlink(path);
    rmdir(folder);
}

// Whatever a file holds, reading it as a checkpoint is an error or the weights, never a crash.
static void test_damaged_checkpoints(void **state)
{
    (void)state;
    char folder[] = "/tmp/cleave-train-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/w.safetensors", folder);
    Run *r = calloc(1, sizeof *r);
    open_run(r, 1, folder, NULL);
    CheckpointState at = { 0 };
    assert_true(checkpoint_save(r->s, path, &at, r->err));
    unsigned seed = 7;
    int refused = 0;
    for (int i = 0; i < 300; i++) {
        FILE *f = fopen(path, "r+b");
        seed = seed * 1664525u + 1013904223u;
        long place = (long)(seed >> 8) % 1500;
        fseek(f, place, SEEK_SET);
        int old = fgetc(f);
        fseek(f, place, SEEK_SET);
        fputc((int)(seed >> 24), f);
        fclose(f);
        refused += !checkpoint_load(r->s, path, NULL, r->err);
        f = fopen(path, "r+b");
        fseek(f, place, SEEK_SET);
        fputc(old, f);
        fclose(f);
    }
    assert_true(refused > 100);
    assert_true(checkpoint_load(r->s, path, NULL, r->err));
    assert_int_equal(truncate(path, 5000), 0);
    assert_false(checkpoint_load(r->s, path, NULL, r->err));
    close_run(r);
    free(r);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_and_threads),
        cmocka_unit_test(test_digits_are_learnt),
        cmocka_unit_test(test_damaged_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
