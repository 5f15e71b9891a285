// Several views of a test image count as one; a metric that stops improving; colour noise along
// the principal components.
#include "reference/stages.h"
#include "runtime/train/plateau.h"
#include "runtime/train/views.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

// --- views ---------------------------------------------------------------------------------------

static void test_probabilities_are_averaged_over_views(void **state)
{
    (void)state;
    Metric metrics[] = { { METRIC_TOP, 1, "top1" }, { METRIC_TOP, 2, "top2" } };
    TrainRecipe t = { .metrics = metrics, .metric_count = 2 };
    SessionResult r = { 0 };
    Views v;
    assert_true(views_open(&v, 2, 3, &t, &r));
    views_add(&v, (float[]){ 0.5f, 0.4f, 0.1f }, 1);              // alone it would be wrong
    assert_int_equal(r.images, 0);
    views_add(&v, (float[]){ 0.1f, 0.8f, 0.1f }, 1);
    assert_int_equal(r.images, 1);
    assert_float_equal(r.loss, -log(0.6), 1e-6);
    assert_float_equal(r.metrics[0], 1, 0);
    views_add(&v, (float[]){ 0, 0, 0 }, -1);                      // a damaged image, then padding
    views_add(&v, (float[]){ 0, 0, 0 }, -1);
    assert_int_equal(r.images, 1);
    views_add(&v, (float[]){ 0.25f, 0.25f, 0.5f }, 0);            // a tie for the second place
    views_add(&v, (float[]){ 0.25f, 0.25f, 0.5f }, 0);
    assert_int_equal(r.images, 2);
    assert_float_equal(r.metrics[0], 1, 0);
    assert_float_equal(r.metrics[1], 1.5, 1e-12);
    views_close(&v);
}

// A net without a softmax at its end gives scores: the mean is still one of probabilities.
static void test_scores_go_through_softmax(void **state)
{
    (void)state;
    TrainRecipe t = { .metric_count = 0 };
    SessionResult r = { 0 };
    Views v;
    assert_true(views_open(&v, 2, 2, &t, &r));
    views_add(&v, (float[]){ 1000, 1000 }, 0);
    views_add(&v, (float[]){ logf(3), 0 }, 0);
    assert_float_equal(r.loss, -log((0.5 + 0.75) / 2), 1e-6);
    views_close(&v);
}

// --- plateau -------------------------------------------------------------------------------------

static PlateauCall call_of(const char *metric, double patience, double times, bool *more)
{
    static Metric top = { METRIC_TOP, 1, "top1" };
    TrainRecipe t = { .metrics = &top, .metric_count = 1 };
    ExprStep steps[] = { { .code = EXPR_NUMBER, .number = 1 }, { .code = EXPR_VARIABLE, .name = metric },
                         { .code = EXPR_NUMBER, .number = patience },
                         { .code = EXPR_NUMBER, .number = times },
                         { .code = EXPR_CALL, .name = "plateau", .count = 3 }, { .code = EXPR_AND } };
    Expr e = { steps, 6 };
    PlateauCall call;
    assert_int_equal(plateau_find(&e, &t, &call), PLATEAU_FOUND);
    ExprStep to[6];
    Expr without = plateau_replace(&e, &call, true, to);
    assert_int_equal(without.count, 3);                            // 1 and 1
    double value;
    char err[160];
    assert_true(expr_evaluate(&without, NULL, NULL, &value, err));
    assert_true(value == 1);
    *more = call.more_is_better;
    return call;
}

static void test_plateau(void **state)
{
    (void)state;
    bool more;
    PlateauCall call = call_of("top1", 2, 2, &more);
    assert_true(more);
    Plateau p = { .best = NAN };
    static const double values[] = { NAN, 0.1, 0.2, 0.2, 0.15, 0.19, 0.2, 0.3, 0.3, 0.2, 0.1, 0.1 };
    // The best is 0.2 at look 2; two looks without a better one: look 4, then 6. Twice is all.
    char fired[13] = "";
    for (int i = 0; i < 12; i++) {
        bool now = plateau_look(&p, &call, values[i]);
        if (now)
            plateau_fire(&p);
        fired[i] = now ? 'x' : '.';
    }
    assert_string_equal(fired, "....x.x.....");
    call = call_of("loss", 1, 9, &more);
    assert_false(more);
    p = (Plateau){ .best = NAN };
    assert_false(plateau_look(&p, &call, 2));
    assert_false(plateau_look(&p, &call, 1));
    assert_true(plateau_look(&p, &call, 1.5));
}

static void test_plateaus_that_cannot_be_followed(void **state)
{
    (void)state;
    TrainRecipe t = { .metric_count = 0 };
    PlateauCall call;
    ExprStep steps[] = { { .code = EXPR_VARIABLE, .name = "solver.lr" }, { .code = EXPR_NUMBER, .number = 5 },
                         { .code = EXPR_NUMBER, .number = 3 },
                         { .code = EXPR_CALL, .name = "plateau", .count = 3 } };
    Expr e = { steps, 4 };
    assert_int_equal(plateau_find(&e, &t, &call), PLATEAU_ODD);
    steps[0].name = "loss";
    assert_int_equal(plateau_find(&e, &t, &call), PLATEAU_FOUND);
    steps[1].number = 0;
    assert_int_equal(plateau_find(&e, &t, &call), PLATEAU_ODD);
    steps[1] = (ExprStep){ .code = EXPR_VARIABLE, .name = "epoch" };
    assert_int_equal(plateau_find(&e, &t, &call), PLATEAU_ODD);
}

// --- colours -------------------------------------------------------------------------------------

// Four pixels whose covariance is known: the components' outer products add up to it.
static void test_components_of_four_pixels(void **state)
{
    (void)state;
    static const uint8_t planes[] = { 10, 40, 25, 5,  20, 10, 25, 45,  30, 0, 60, 15 };
    static const double covariance[3][3] = { { 187.5, -137.5, -56.25 }, { -137.5, 162.5, 37.5 },
                                             { -56.25, 37.5, 492.1875 } };
    ColourSums all = { .pixels = 0 }, half = { .pixels = 0 };
    double v[3][3];
    for (int i = 0; i < 2; i++) {                                  // in two halves, as threads do it
        uint8_t part[] = { planes[2 * i], planes[2 * i + 1], planes[4 + 2 * i], planes[5 + 2 * i],
                           planes[8 + 2 * i], planes[9 + 2 * i] };
        half = (ColourSums){ .pixels = 0 };
        colour_add(&half, part, 2);
        colour_join(&all, &half);
    }
    colour_components(&all, v);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double sum = 0, dot = 0;
            for (int i = 0; i < 3; i++) {
                sum += v[i][a] * v[i][b];
                dot += v[a][i] * v[b][i];
            }
            assert_float_equal(sum, covariance[a][b], 1e-9);
            if (a != b)
                assert_float_equal(dot, 0, 1e-9);
        }
    double first = v[0][0] * v[0][0] + v[0][1] * v[0][1] + v[0][2] * v[0][2];
    double last = v[2][0] * v[2][0] + v[2][1] * v[2][1] + v[2][2] * v[2][2];
    assert_true(first > last && last >= 0);
    assert_true(v[0][2] > 0);                                      // its largest entry
}

// Every pixel of an image moves by the same amount, each epoch by another one; over many draws the
// moves have pca^2 times the covariance of the images' colours.
static void test_light(void **state)
{
    (void)state;
    Builder train = {0}, augment = {0}, center = {0};
    add_random(&train, 4, 8, 8, 64);
    add_one(&train, "scale", arg_number("by", 0.5));
    add_one(&augment, "light", arg_number("pca", 0.1));
    add_one(&center, "mean", arg_word("of", "channel"));
    DataRecipe recipe = { .train = pipeline(&train), .augment = pipeline(&augment),
                          .center = pipeline(&center) };
    char err[DATA_ERROR];
    Data d;
    if (!open_data(&d, NULL, &recipe, (Shape){ 1, 3, 8, 8 }, 4, false, err))
        fail_msg("%s", err);
    Reader r = { .file = NULL };
    float x[3 * 64], y[3 * 64];
    double square = 0;
    enum { DRAWS = 4000 };
    for (int i = 0; i < DRAWS; i++) {
        int label;
        FeedKey key = { .seed = 3, .epoch = (uint32_t)i };
        assert_true(feed_sample(&d.train, &r, &key, i % 64, x, &label, err));
        for (int c = 0; c < 3; c++) {
            const uint8_t *bytes = r.image.pixels + 64 * c;
            float mean = d.mean[64 * c], move = x[64 * c] - (0.5f * bytes[0] - mean);
            for (int k = 1; k < 64; k++)
                assert_float_equal(x[64 * c + k] - (0.5f * bytes[k] - mean), move, 1e-3);
            square += (double)move * (double)move;
        }
        assert_true(feed_sample(&d.train, &r, &key, i % 64, y, &label, err));
        assert_memory_equal(x, y, sizeof x);                      // the same draw for the same key
    }
    // Independent bytes: a variance of (256^2 - 1) / 12 each, times the scale's square.
    double want = 0.01 * 0.25 * 5461.25, got = square / (3 * DRAWS);
    assert_true(got > 0.95 * want && got < 1.05 * want);
    reader_free(&r);
    data_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_are_averaged_over_views),
        cmocka_unit_test(test_scores_go_through_softmax),
        cmocka_unit_test(test_plateau),
        cmocka_unit_test(test_plateaus_that_cannot_be_followed),
        cmocka_unit_test(test_components_of_four_pixels),
        cmocka_unit_test(test_light),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
