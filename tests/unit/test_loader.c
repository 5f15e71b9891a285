// The loader: batches that depend on nothing but seed and number, the last test batch padded.
#include "reference/stages.h"
#include "runtime/data/draw.h"
#include "runtime/data/loader.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct { uint64_t sum; int32_t labels[64]; } Seen;

// What comes out of `count` batches from number `first` on, in short.
static void load(const Feed *f, int threads, int64_t first, int count, Seen *to)
{
    char err[DATA_ERROR];
    LoaderOptions o = { .batch = 8, .first = first, .seed = 11, .threads = threads, .ahead = 3 };
    Loader *l = loader_open(f, &o, err);
    assert_non_null(l);
    for (int i = 0; i < count; i++) {
        Batch *b = loader_next(l, err);
        assert_non_null(b);
        assert_int_equal(b->number, first + i);
        to[i].sum = 0;
        for (int64_t k = 0; k < 8 * shape_count(f->image); k++)
            to[i].sum = to[i].sum * 31 + (uint64_t)b->images[k];
        memcpy(to[i].labels, b->labels, sizeof b->labels[0] * 8);
        loader_done(l, b);
    }
    loader_close(l);
}

static void test_batches_depend_on_nothing_but_their_number(void **state)
{
    (void)state;
    Builder train = {0}, augment = {0};
    add_random(&train, 5, 9, 9, 40);
    StageArg crop[] = { arg_number("size", 8), arg_word("at", "random") };
    add(&augment, "crop", 2, crop);
    add_one(&augment, "mirror", arg_number("p", 0.5));
    DataRecipe recipe = { .train = pipeline(&train), .augment = pipeline(&augment) };
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, NULL, &recipe, (Shape){ 1, 3, 8, 8 }, 5, false, err));
    static Seen one[15], many[15], late[6];
    memset(one, 0, sizeof one);
    memset(many, 0, sizeof many);
    memset(late, 0, sizeof late);
    load(&d.train, 1, 0, 15, one);
    load(&d.train, 5, 0, 15, many);
    load(&d.train, 2, 9, 6, late);                         // as after a resume
    assert_memory_equal(one, many, sizeof one);
    assert_memory_equal(&one[9], late, sizeof late);
    assert_int_not_equal(one[0].sum, one[5].sum);          // the next epoch is shuffled anew
    data_close(&d);
}

static void test_an_epoch_is_a_permutation(void **state)
{
    (void)state;
    static const int64_t counts[] = { 1, 2, 3, 17, 1000 };
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        static bool seen[1000];
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < counts[c]; i++) {
            int64_t at = draw_permuted(5, 2, counts[c], i);
            assert_in_range(at, 0, counts[c] - 1);
            assert_false(seen[at]);
            seen[at] = true;
        }
    }
}

static void test_last_test_batch_is_padded(void **state)
{
    (void)state;
    Builder train = {0};
    add_random(&train, 4, 2, 3, 20);
    DataRecipe recipe = { .train = pipeline(&train), .test = pipeline(&train) };
    char err[DATA_ERROR];
    Data d;
    assert_true(open_data(&d, NULL, &recipe, (Shape){ 1, 3, 2, 3 }, 4, false, err));
    LoaderOptions o = { .batch = 8, .testing = true, .threads = 2, .ahead = 2 };
    Loader *l = loader_open(&d.test, &o, err);
    Reader r = { .file = NULL };
    FeedKey key = { .seed = 0 };
    int filled = 0, label;
    float x[18];
    for (int n = 0; n < 3; n++) {
        Batch *b = loader_next(l, err);
        assert_non_null(b);
        filled += b->filled;
        assert_true(feed_sample(&d.test, &r, &key, 8 * n, x, &label, err));     // in order
        assert_memory_equal(x, b->images, sizeof x);
        assert_int_equal(b->labels[0], label);
        if (n == 2)
            for (int i = 4; i < 8; i++) {
                assert_int_equal(b->labels[i], -1);
                assert_float_equal(b->images[18 * i + 17], 0, 0);
            }
        loader_done(l, b);
    }
    assert_int_equal(filled, 20);
    assert_null(loader_next(l, err));
    assert_string_equal(err, "");
    reader_free(&r);
    loader_close(l);
    data_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_depend_on_nothing_but_their_number),
        cmocka_unit_test(test_an_epoch_is_a_permutation),
        cmocka_unit_test(test_last_test_batch_is_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
