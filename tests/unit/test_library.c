// The public interface, by itself: a net is opened, learns one batch by heart, is read and written.
#include "cleave.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *const net = SOURCE_DIR "/nets/digits.net";

// One image a class, each a pattern of its own.
static void make_batch(const cleave *c, float **images, int32_t **labels)
{
    size_t size = cleave_image_size(c);
    int batch = cleave_batch(c);
    *images = calloc(size * (size_t)batch, sizeof **images);
    *labels = calloc((size_t)batch, sizeof **labels);
    for (int i = 0; i < batch; i++) {
        (*labels)[i] = i % 10;
        for (size_t k = 0; k < size; k++)
            (*images)[(size_t)i * size + k] = (float)((k * 7 + (size_t)(i % 10) * 13) % 10) / 10;
    }
}

static void test_learns_a_batch(void **state)
{
    (void)state;
    cleave *c;
    char why[CLEAVE_WHY];
    const cleave_options o = { .batch = 20, .seed = 3, .threads = 2 };
    assert_int_equal(cleave_open(&c, net, &o, why), CLEAVE_OK);
    assert_int_equal(cleave_batch(c), 20);
    float *images;
    int32_t *labels;
    make_batch(c, &images, &labels);
    cleave_result first, last;
    assert_int_equal(cleave_test(c, images, labels, &first), CLEAVE_OK);
    assert_int_equal(first.images, 20);
    for (int i = 0; i < 40; i++)
        assert_int_equal(cleave_step(c, images, labels, NULL), CLEAVE_OK);
    assert_int_equal(cleave_test(c, images, labels, &last), CLEAVE_OK);
    assert_true(last.loss < first.loss);
    size_t outputs = cleave_output_size(c);
    float *p = calloc(20 * outputs, sizeof *p), sum = 0;
    assert_int_equal(cleave_predict(c, images, p, 20 * outputs), CLEAVE_OK);
    for (size_t i = 0; i < outputs; i++)
        sum += p[i];
    assert_true(fabsf(sum - 1) < 1e-4f);                  // probabilities
    assert_int_equal(cleave_predict(c, images, p, 1), CLEAVE_USAGE);
    free(p);
    free(images);
    free(labels);
    cleave_close(c);
}

static void test_parameters(void **state)
{
    (void)state;
    cleave *c;
    char why[CLEAVE_WHY];
    int64_t shape[4];
    assert_int_equal(cleave_open(&c, net, NULL, why), CLEAVE_OK);
    for (int i = 0; i < cleave_parameter_count(c); i++) {
        const char *name = cleave_parameter_name(c, i, shape);
        size_t count, expected = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
        assert_int_equal(cleave_size(c, name, &count), CLEAVE_OK);
        assert_int_equal(count, expected);
        float *a = calloc(count, sizeof *a), *b = calloc(count, sizeof *b);
        for (size_t k = 0; k < count; k++)
            a[k] = (float)k;
        assert_int_equal(cleave_write(c, name, a, count), CLEAVE_OK);
        assert_int_equal(cleave_read(c, name, b, count), CLEAVE_OK);
        assert_memory_equal(a, b, count * sizeof *a);
        assert_int_equal(cleave_write(c, name, a, count + 1), CLEAVE_USAGE);
        free(a);
        free(b);
    }
    assert_null(cleave_parameter_name(c, -1, shape));
    assert_int_equal(cleave_write(c, "nothing", NULL, 0), CLEAVE_USAGE);
    assert_non_null(strstr(cleave_why(c), "nothing"));
    cleave_close(c);
}

static void test_refusals(void **state)
{
    (void)state;
    cleave *c;
    char why[CLEAVE_WHY];
    const cleave_options bad_map = { .map = "gpu9=cpu:0" };
    assert_int_equal(cleave_open(&c, SOURCE_DIR "/nets/missing.net", NULL, why), CLEAVE_INPUT);
    assert_null(c);
    assert_true(strlen(why) > 0);
    assert_int_equal(cleave_open(&c, net, &bad_map, why), CLEAVE_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_a_batch),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
