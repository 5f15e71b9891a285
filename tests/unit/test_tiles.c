// emit/cuda/tiles: the cost model and its choices for AlexNet's contractions at batch 128.
#include "emit/cuda/tiles.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

static const CudaProblem conv3 = { .m = 128 * 13 * 13, .n = 384, .k = 9 * 256, .groups = 1, .a_along_k = true,
                                   .b_along_k = true, .unique_bytes = 60e6, .epilogue_bytes = 4 };
static const CudaProblem conv1_weights = { .m = 96, .n = 396, .k = 128 * 55 * 55, .groups = 1,
                                           .may_split = true, .unique_bytes = 230e6, .epilogue_bytes = 12 };

static double roofline(const CudaProblem *p, double macs_a_second)
{
    return (double)p->m * (double)p->n * (double)p->k * p->groups / macs_a_second;
}

// A price is never below what the units can do, and its limiter is the unit that says so.
static void prices_respect_the_roofline(void **state)
{
    (void)state;
    const Target *tf32 = target_find("sm_90a"), *bf16 = target_find("cuda:sm_90a:bf16");
    CudaChoice a = choose_tile(tf32, &conv3), b = choose_tile(bf16, &conv3);
    assert_true(a.best.seconds > roofline(&conv3, 132 * 1.7e9 * 1024 * 0.62));
    assert_true(a.best.seconds < 3 * roofline(&conv3, 132 * 1.7e9 * 1024 * 0.62));
    assert_true(b.best.seconds < a.best.seconds);
    assert_true(a.best.seconds <= a.second.seconds);
    CudaProblem starved = conv3;
    starved.unique_bytes = 1e12;
    CudaPrice p = tile_price(tf32, &starved, &a.best.tile);
    assert_int_equal(p.limiter, LIMIT_DRAM);
    assert_true(p.seconds > 1e12 / 3.0e12);
}

// A weight gradient has few tiles and many terms: only splitting fills the GPU.
static void few_tiles_are_split(void **state)
{
    (void)state;
    const Target *t = target_find("sm_90a");
    CudaChoice c = choose_tile(t, &conv1_weights);
    assert_true(c.best.tile.split > 8);
    CudaProblem whole = conv1_weights;
    whole.may_split = false;
    CudaChoice slow = choose_tile(t, &whole);
    assert_int_equal(slow.best.tile.split, 1);
    assert_true(slow.best.seconds > 3 * c.best.seconds);
}

// Whatever is chosen, for any size, precision and GPU, the body can do.
static void choices_are_legal(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 7, 16, 100, 1000, 50000 };
    static const char *const gpus[] = { "sm_80", "sm_86", "sm_89", "sm_90a" };
    for (int i = 0; i < 4 * 3 * 4 * 6; i++) {
        const Target *t = target_with(target_find(gpus[i % 4]), (Element)(i / 4 % 3));
        CudaProblem p = { .m = sizes[i % 6], .n = sizes[i / 6 % 6], .k = sizes[i / 36 % 6],
                          .groups = 1 + i % 2,
                          .a_along_k = i / 12 % 2, .b_along_k = i / 24 % 2, .may_split = i % 5 == 0,
                          .unique_bytes = 1e6, .epilogue_bytes = 4 };
        CudaChoice c = choose_tile(t, &p);
        assert_true(isfinite(c.best.seconds) && tile_is_legal(t, &p, &c.best.tile));
        assert_true(tile_threads(&c.best.tile) <= 256 && c.best.blocks_a_sm >= 1);
        assert_true(p.may_split || c.best.tile.split == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_respect_the_roofline),
        cmocka_unit_test(few_tiles_are_split),
        cmocka_unit_test(choices_are_legal),
    };
    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
