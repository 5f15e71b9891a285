// tensor/shape: legality, checked products, windows.
#include "tensor/shape.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct { int64_t size; int kernel, stride, dilation, before, after; bool up;
                      int64_t outputs, reach; } windows[] = {
    { 224, 11, 4, 1, 0, 0, true,  55, 3 },     // AlexNet's conv1 as the paper has it
    { 224, 11, 4, 1, 0, 0, false, 54, 0 },
    { 227, 11, 4, 1, 0, 0, false, 55, 0 },
    { 224, 11, 4, 1, 2, 2, false, 55, 2 },     // torchvision: the last window ends at 225
    {  55,  3, 2, 1, 0, 0, false, 27, 0 },
    {  27,  5, 1, 1, 2, 2, false, 27, 2 },
    {  32,  3, 2, 1, 0, 0, true,  16, 1 },     // CIFAR pools overhang by one
    {  32,  3, 2, 1, 0, 0, false, 15, 0 },
    {   6,  3, 2, 1, 0, 0, true,   3, 1 },
    {  13,  3, 1, 2, 2, 2, false, 13, 2 },     // dilated: reads 5 rows
    {   4,  2, 3, 1, 1, 1, true,   2, 1 },
    {   3,  1, 3, 1, 0, 2, true,   1, 2 },     // a second window would start beyond the map
    {   5, 11, 1, 1, 0, 0, false,  0, 0 },     // does not fit
    {   5,  6, 2, 1, 0, 0, true,   0, 0 },
    {   5,  3, 0, 1, 0, 0, false,  0, 0 },
};

static void windows_count_and_reach(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        Window v = { .kernel_h = windows[i].kernel, .kernel_w = 1, .stride_h = windows[i].stride,
                     .stride_w = 1, .dilation_h = windows[i].dilation, .dilation_w = 1,
                     .pad_top = windows[i].before, .pad_bottom = windows[i].after,
                     .round_up = windows[i].up };
        Window h = { .kernel_h = 1, .kernel_w = windows[i].kernel, .stride_h = 1,
                     .stride_w = windows[i].stride, .dilation_h = 1,
                     .dilation_w = windows[i].dilation,
                     .pad_left = windows[i].before, .pad_right = windows[i].after,
                     .round_up = windows[i].up };
        assert_int_equal(window_outputs_h(&v, windows[i].size), windows[i].outputs);
        assert_int_equal(window_reach_h(&v, windows[i].size), windows[i].reach);
        assert_int_equal(window_outputs_w(&h, windows[i].size), windows[i].outputs);
        assert_int_equal(window_reach_w(&h, windows[i].size), windows[i].reach);
        assert_int_equal(window_outputs_h(&h, 7), 7);
    }
}

static void hostile_shapes_are_illegal(void **state)
{
    (void)state;
    assert_true(shape_is_legal((Shape){ 128, 96, 55, 55 }));
    assert_true(shape_is_legal((Shape){ 1 << 19, 1 << 19, 1, 1 }));            // 2^40 bytes
    assert_false(shape_is_legal((Shape){ 1 << 20, 1 << 19, 1, 1 }));
    assert_false(shape_is_legal((Shape){ 0, 1, 1, 1 }));
    assert_false(shape_is_legal((Shape){ 1, -1, 1, 1 }));
    assert_false(shape_is_legal((Shape){ 1, (int64_t)SHAPE_MOST + 1, 1, 1 }));
    assert_false(shape_is_legal((Shape){ SHAPE_MOST, SHAPE_MOST, SHAPE_MOST, SHAPE_MOST }));
}

static void arithmetic_is_checked(void **state)
{
    (void)state;
    int64_t out;
    assert_true(size_multiply(3037000499, 3037000499, &out));
    assert_int_equal(out, (int64_t)3037000499 * 3037000499);
    assert_false(size_multiply((int64_t)1 << 32, (int64_t)1 << 31, &out));
    assert_int_equal(out, 0);
    assert_false(size_add(INT64_MAX, 1, &out));
    assert_true(size_add(INT64_MAX, 0, &out));
    assert_int_equal(size_round_up(0, 16), 0);
    assert_int_equal(size_round_up(17, 16), 32);
    assert_int_equal(size_round_up(32, 16), 32);
    assert_int_equal(shape_count((Shape){ 2, 3, 4, 5 }), 120);
    assert_int_equal(shape_item((Shape){ 2, 3, 4, 5 }), 60);
}

static void shapes_read_as_the_language_writes_them(void **state)
{
    (void)state;
    char text[SHAPE_TEXT];
    assert_string_equal(shape_text(text, (Shape){ 9, 96, 55, 55 }), "96x55x55");
    assert_string_equal(shape_text(text, (Shape){ 9, 4096, 1, 1 }), "4096");
    assert_string_equal(shape_text(text, (Shape){ 9, 3, 1, 7 }), "3x1x7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_count_and_reach),
        cmocka_unit_test(hostile_shapes_are_illegal),
        cmocka_unit_test(arithmetic_is_checked),
        cmocka_unit_test(shapes_read_as_the_language_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
