// A step of several batches: the mean of their gradients is that of one batch as large, nothing is applied
// before the last, a run resumes with the same bits, a loss that is no number stops the whole step.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/checkpoint.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { BATCHES = 3, STEPS = 8, HALF = 5 };

// A net in two columns; batch times accumulate is 12. `more` stands in front of its last layer.
static Training *open_net(int batch, int accumulate, const char *more, int threads)
{
    const char *path = in_folder("net.net");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "net n : 3x8x8 -> 5 {\n"
            "  split(a, b) { conv(8, 3, pad = 1) -> relu -> pool(2) -> all -> fc(12) -> relu }\n"
            "  %s-> fc(5) -> softmax\n}\n"
            "data d { train = random(5, 3x8x8, count = 100) -> scale(0.01) }\n"
            "train n on d {\n  loss = cross_entropy  report = top(1)  batch = %d  accumulate = %d\n"
            "  solver = sgd(lr = 0.05, momentum = 0.9, decay = 0.001)\n}\n", more, batch, accumulate);
    fclose(f);
    FrontOptions front = { .seed = 1 };
    Training *t = training_open(path, &front, threads);
    t->o.out = folder_path();
    t->o.steps = STEPS;
    return t;
}

static float *values_of(Training *t, int param, int64_t *count)
{
    *count = shape_count(t->c.program->params[param].shape);
    float *values = malloc((size_t)*count * sizeof *values);
    assert_true(values && session_read_param(t->s, param, values, t->err));
    return values;
}

static void test_batches_are_one_large_batch(void **state)
{
    (void)state;
    Training *whole = open_net(12, 1, "", 1), *parts = open_net(4, BATCHES, "", 2);
    assert_int_equal(session_images(parts->s, 0), 12);
    training_run(whole);
    training_run(parts);
    assert_int_equal(session_step(parts->s), STEPS);
    for (int i = 0; i < whole->c.program->param_count; i++) {
        int64_t count, moved = 0;
        float *x = values_of(whole, i, &count), *y = values_of(parts, i, &count);
        for (int64_t k = 0; k < count; k++) {
            assert_true(fabsf(x[k] - y[k]) <= 1e-5f);
            moved += fabsf(x[k] - session_initial_value(&whole->c.program->params[i], 1, k)) > 1e-3f;
        }
        assert_true(moved > 0);
        free(x);
        free(y);
    }
    training_free(whole);
    training_free(parts);
}

static void test_resume(void **state)
{
    (void)state;
    const char *path = in_folder("half.safetensors");
    Training *whole = open_net(4, BATCHES, "-> dropout(0.5) ", 1);
    Training *first = open_net(4, BATCHES, "-> dropout(0.5) ", 2);
    Training *second = open_net(4, BATCHES, "-> dropout(0.5) ", 2);
    first->o.steps = HALF;
    training_run(whole);
    training_run(first);
    CheckpointState at = { .step = HALF, .seed = 1 };
    memcpy(at.plan_hash, first->c.program->plan_hash, sizeof at.plan_hash);
    assert_true(checkpoint_save(first->s, path, &at, first->err));
    second->o.resume = path;
    training_run(second);
    training_assert_same(whole, second);
    training_free(whole);
    training_free(first);
    training_free(second);
}

// Three times the same four images.
static float images[12 * 3 * 8 * 8];
static const int32_t labels[12] = { 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4 };

static void set_rates(Training *t)
{
    ParamRates rates[8];
    assert_true(t->c.program->param_count <= 8);
    for (int i = 0; i < 8; i++)
        rates[i] = (ParamRates){ 0.1f, 0.9f, 0, 0 };
    session_set_rates(t->s, rates);
    for (int i = 0; i < 12 * 192; i++)
        images[i] = (float)(i % 768 % 11) - 5;
}

static uint64_t bits_of(Training *t)
{
    int64_t count;
    uint64_t bits = 0;
    for (int i = 0; i < t->c.program->param_count; i++) {
        float *x = values_of(t, i, &count);
        for (int64_t k = 0; k < count; k++) {
            uint32_t word;
            memcpy(&word, &x[k], sizeof word);
            bits = bits * 0x100000001b3u + word;
        }
        free(x);
    }
    return bits;
}

static double loss_of_batch(Training *t, int run)
{
    float loss[4];
    const float *inputs[] = { images };
    assert_true(session_run_batch(t->s, 0, run, inputs, labels, t->err));
    assert_true(session_read_output(t->s, 0, session_find_output(t->s, 0, "loss"), loss, t->err));
    return (double)loss[0] + (double)loss[1] + (double)loss[2] + (double)loss[3];
}

// Equal batches have equal losses until weights move, unless something is drawn anew for each.
static void test_weights_follow_behind_the_last(void **state)
{
    (void)state;
    Training *t = open_net(4, BATCHES, "", 1), *drawn = open_net(4, BATCHES, "-> dropout(0.5) ", 1);
    set_rates(t);
    set_rates(drawn);
    uint64_t before = bits_of(t);
    double loss = loss_of_batch(t, 0);
    assert_true(loss_of_batch(t, 1) == loss && bits_of(t) == before && session_step(t->s) == 0);
    assert_true(loss_of_batch(t, 2) == loss && bits_of(t) != before && session_step(t->s) == 1);
    assert_true(loss_of_batch(drawn, 0) != loss_of_batch(drawn, 1));
    training_free(t);
    training_free(drawn);
}

static void test_a_batch_that_is_no_number_stops_the_step(void **state)
{
    (void)state;
    Training *t = open_net(4, BATCHES, "", 1);
    SessionResult r;
    SessionTrace trace;
    const float *inputs[] = { images };
    set_rates(t);
    uint64_t before = bits_of(t);
    images[5 * 192] = NAN;                                   // an image of the second batch
    assert_true(session_run(t->s, 0, inputs, labels, &r, t->err));
    assert_true(r.stopped && r.run == 1 && session_step(t->s) == 0 && bits_of(t) == before);
    assert_true(session_trace(t->s, 0, inputs, labels, &trace, t->err) && trace.what && !trace.launch);
    set_rates(t);
    assert_true(session_run(t->s, 0, inputs, labels, &r, t->err));
    assert_true(!r.stopped && r.images == 12 && bits_of(t) != before);
    training_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_are_one_large_batch),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_weights_follow_behind_the_last),
        cmocka_unit_test(test_a_batch_that_is_no_number_stops_the_step),
    };
    return cmocka_run_group_tests_name("accumulate", tests, folder_make, folder_remove);
}
