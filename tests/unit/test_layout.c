// tensor/layout: addresses against hand-computed ones, and gather/scatter as a bijection that
// leaves padding alone.
#include "tensor/layout.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

enum { V = 4 };
#define LAYOUT(name, ...) { .kind = LAYOUT_##name, .vector = V, __VA_ARGS__ }

typedef struct {
    Layout  layout;
    Shape   shape;
    int64_t item, elements;
    struct { int64_t n, c, h, w, address; } at[4];
} Case;

static const Case cases[] = {
    // [2][3][4][5]
    { { .kind = LAYOUT_PLAIN }, { 2, 3, 4, 5 }, 60, 120,
      { { 0, 0, 0, 0, 0 }, { 1, 2, 3, 4, 119 }, { 0, 1, 0, 0, 20 }, { 1, 0, 1, 1, 66 } } },
    // rows of 1 + 5 + 3, 0 + 4 + 3 rows: a halo on the right and below, as AlexNet's conv1 reads
    { LAYOUT(PLAIN, .left = 1, .bottom = 3, .right = 3), { 2, 3, 4, 5 }, 189, 378,
      { { 0, 0, 0, 0, 1 }, { 0, 0, 1, 0, 10 }, { 0, 1, 0, 0, 64 }, { 1, 2, 3, 4, 347 } } },
    // 6 channels in 2 blocks of 4, halo 1: 2 blocks of 5 x 6 pixels
    { LAYOUT(BLOCKED, .top = 1, .left = 1, .bottom = 1, .right = 1), { 2, 6, 3, 4 }, 240, 480,
      { { 0, 0, 0, 0, 28 }, { 0, 5, 0, 0, 120 + 28 + 1 }, { 1, 0, 2, 3, 240 + 28 + 48 + 12 },
        { 0, 3, 0, 1, 28 + 4 + 3 } } },
    // parts of 6 + 6 channels: the second starts a block of its own
    { LAYOUT(BLOCKED, .pieces = { 2, { 6, 6 } }), { 1, 12, 1, 1 }, 16, 16,
      { { 0, 5, 0, 0, 5 }, { 0, 6, 0, 0, 8 }, { 0, 11, 0, 0, 13 } } },
    // one part of a concatenation of 100 elements an image
    { LAYOUT(BLOCKED, .item_stride = 100), { 3, 4, 2, 2 }, 16, 216,
      { { 1, 0, 0, 0, 100 }, { 2, 3, 1, 1, 215 } } },
    // [8 / 4][3][4]
    { LAYOUT(PANEL, .top = 0), { 3, 6, 1, 1 }, 8, 24,
      { { 0, 3, 0, 0, 3 }, { 1, 0, 0, 0, 4 }, { 0, 4, 0, 0, 12 }, { 2, 5, 0, 0, 21 } } },
    // [8][4]: three images take a row of four
    { LAYOUT(COLUMNS, .top = 0), { 3, 6, 1, 1 }, 8, 32,
      { { 0, 1, 0, 0, 4 }, { 2, 5, 0, 0, 22 }, { 1, 0, 0, 0, 1 } } },
    // 6 channels of 2x3 flattened: feature c*6 + y*3 + x stands at ((c/4*2 + y)*3 + x)*4 + c%4
    { LAYOUT(COLUMNS, .in_h = 2, .in_w = 3), { 4, 36, 1, 1 }, 48, 192,
      { { 0, 0, 0, 0, 0 }, { 0, 1, 0, 0, 16 }, { 1, 6, 0, 0, 5 }, { 3, 35, 0, 0, 183 } } },
    // the same map before it is flattened
    { LAYOUT(COLUMNS, .top = 0), { 4, 6, 2, 3 }, 48, 192,
      { { 0, 0, 0, 1, 16 }, { 1, 1, 0, 0, 5 }, { 3, 5, 1, 2, 183 } } },
    // [2 k blocks][1 c block][3][2][4][4]
    { LAYOUT(FILTERS, .top = 0), { 5, 3, 3, 2 }, 24, 192,
      { { 0, 0, 0, 1, 16 }, { 0, 2, 0, 0, 8 }, { 3, 0, 1, 0, 35 }, { 4, 1, 2, 1, 96 + 80 + 4 } } },
    // inputs in parts of 3 + 3, outputs in parts of 2 + 2
    { LAYOUT(FILTERS, .pieces = { 2, { 3, 3 } }, .pieces_out = { 2, { 2, 2 } }), { 4, 6, 1, 1 },
      8, 64, { { 0, 3, 0, 0, 16 }, { 2, 0, 0, 0, 32 }, { 3, 5, 0, 0, 32 + 16 + 8 + 1 } } },
    // [2][3][2][2][4]
    { LAYOUT(FILTERS_IN, .top = 0), { 6, 3, 2, 2 }, 12, 96,
      { { 1, 0, 0, 0, 1 }, { 0, 1, 0, 0, 16 }, { 5, 2, 1, 1, 48 + 44 + 1 } } },
    // [2][8][4]
    { LAYOUT(DENSE, .top = 0), { 6, 6, 1, 1 }, 8, 64,
      { { 0, 1, 0, 0, 4 }, { 3, 0, 0, 0, 3 }, { 5, 5, 0, 0, 32 + 20 + 1 } } },
    // over a flattened 6x2x3 map in pieces of 3 + 3
    { LAYOUT(DENSE, .pieces = { 2, { 3, 3 } }, .in_h = 2, .in_w = 3), { 5, 36, 1, 1 }, 48, 384,
      { { 0, 1, 0, 0, 16 }, { 0, 18, 0, 0, 96 }, { 4, 35, 0, 0, 192 + 96 + 5 * 16 + 2 * 4 } } },
    // [2][3][4][8]: 6 channels in pixels of 8
    { LAYOUT(NHWC, .top = 0), { 2, 6, 3, 4 }, 96, 192,
      { { 0, 5, 0, 0, 5 }, { 0, 0, 0, 1, 8 }, { 0, 0, 1, 0, 32 }, { 1, 5, 2, 3, 96 + 64 + 24 + 5 } } },
    // parts of 3 + 3 channels; 3 channels in rows of 5 + 1 pixels without padding, as filters are
    { LAYOUT(NHWC, .pieces = { 2, { 3, 3 } }), { 1, 6, 1, 2 }, 16, 16,
      { { 0, 2, 0, 0, 2 }, { 0, 3, 0, 0, 4 }, { 0, 5, 0, 1, 8 + 6 } } },
    { { .kind = LAYOUT_NHWC, .vector = 1, .right = 1 }, { 2, 3, 2, 5 }, 36, 72,
      { { 0, 2, 0, 4, 14 }, { 0, 0, 1, 0, 18 }, { 1, 1, 1, 2, 36 + 18 + 6 + 1 } } },
    // a flattened 6x2x3 map: feature c*6 + y*3 + x stands at (y*3 + x)*8 + c
    { LAYOUT(NHWC, .in_h = 2, .in_w = 3), { 2, 36, 1, 1 }, 48, 96,
      { { 0, 1, 0, 0, 8 }, { 0, 6, 0, 0, 1 }, { 1, 35, 0, 0, 48 + 40 + 5 } } },
    // 4 channels of a concatenation with pixels of 12 and images of 100 elements
    { LAYOUT(NHWC, .pixel_stride = 12, .item_stride = 100), { 2, 4, 2, 2 }, 16, 100 + 3 * 12 + 4,
      { { 0, 3, 0, 0, 3 }, { 0, 0, 1, 0, 24 }, { 1, 1, 1, 1, 100 + 24 + 12 + 1 } } },
};
enum { CASES = sizeof cases / sizeof *cases };

static void addresses_are_exact(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const Case *t = &cases[i];
        assert_int_equal(layout_item(&t->layout, t->shape), t->item);
        assert_int_equal(layout_elements(&t->layout, t->shape), t->elements);
        for (int j = 0; j < 4; j++) {
            if (j && !t->at[j].address)
                break;
            assert_int_equal(layout_address(&t->layout, t->shape, t->at[j].n, t->at[j].c,
                                            t->at[j].h, t->at[j].w), t->at[j].address);
        }
    }
}

// Scatter writes every element to its own address and nothing else; gather brings it back.
static void scatter_and_gather_agree(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const Layout *l = &cases[i].layout;
        Shape s = cases[i].shape;
        int64_t count = shape_count(s), stored_count = cases[i].elements, written = 0, at = 0;
        float *dense = calloc((size_t)count, sizeof *dense);
        float *back = calloc((size_t)count, sizeof *back);
        float *stored = calloc((size_t)stored_count, sizeof *stored);
        for (int64_t j = 0; j < count; j++)
            dense[j] = (float)(j + 1);
        layout_scatter(l, s, dense, stored);
        for (int64_t j = 0; j < stored_count; j++)
            written += stored[j] != 0;
        assert_int_equal(written, count);
        for (int64_t n = 0; n < s.n; n++)
            for (int64_t c = 0; c < s.c; c++)
                for (int64_t h = 0; h < s.h; h++)
                    for (int64_t w = 0; w < s.w; w++)
                        assert_true(stored[layout_address(l, s, n, c, h, w)] == dense[at++]);
        layout_gather(l, s, stored, back);
        assert_memory_equal(dense, back, (size_t)count * sizeof *dense);
        assert_int_equal(layout_has_padding(l, s), count != stored_count && !l->item_stride);
        free(dense);
        free(back);
        free(stored);
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    Layout filters = { .kind = LAYOUT_FILTERS, .vector = 16 };
    Shape huge = { SHAPE_MOST, SHAPE_MOST, SHAPE_MOST, 1 };
    assert_int_equal(layout_elements(&filters, huge), -1);
    Layout blocked = { .kind = LAYOUT_BLOCKED, .vector = 16, .item_stride = INT64_MAX / 2 };
    assert_int_equal(layout_elements(&blocked, (Shape){ 4, 16, 1, 1 }), -1);
    assert_int_equal(layout_elements(&(Layout){ .kind = LAYOUT_NONE }, (Shape){ 1, 1, 1, 1 }), -1);
}

static void layouts_compare_by_what_they_say(void **state)
{
    (void)state;
    Layout a = LAYOUT(BLOCKED, .top = 1, .left = 1, .bottom = 1, .right = 1), b = a;
    b.pieces = (Pieces){ 1, { 8 } };                 // one piece is no pieces
    assert_true(layout_equal(&a, &b));
    b.pieces = (Pieces){ 2, { 4, 4 } };
    assert_false(layout_equal(&a, &b));
    b = a;
    b.right = 2;
    assert_false(layout_equal(&a, &b));
    assert_string_equal(layout_name(LAYOUT_FILTERS_IN), "filters_in");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_exact),
        cmocka_unit_test(scatter_and_gather_agree),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(layouts_compare_by_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
