// emit/cuda/tiles and plan: the cost model, its choices for AlexNet's contractions at batch 128, and
// the file that overrides them.
#include "emit/cuda/plan.h"
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

// --- plans ------------------------------------------------------------------------------------------

typedef struct { Arena arena; jmp_buf exhausted; Diag diag; } Fixture;

static CudaPlan *read_text(Fixture *f, const char *text)
{
    if (setjmp(f->exhausted))
        fail_msg("out of memory");
    arena_open(&f->arena, 0, &f->exhausted);
    diag_open(&f->diag, &f->arena);
    return plan_read(&f->arena, &f->diag, "my.plan", text, (int)strlen(text));
}

static void assert_same_tile(const CudaTile *a, const CudaTile *b)
{
    assert_true(a->m == b->m && a->n == b->n && a->k == b->k);
    assert_true(a->warp_m == b->warp_m && a->warp_n == b->warp_n);
    assert_true(a->stages == b->stages && a->split == b->split && a->patch == b->patch);
    assert_int_equal(a->library, b->library);
}

// What is remembered is what the model says: of this problem, not of one that differs in a detail.
static void choices_are_remembered(void **state)
{
    (void)state;
    static Fixture f;
    const Target *t = target_find("sm_90a");
    assert_non_null(read_text(&f, PLAN_FIRST_LINE));
    CudaPlan *plan = plan_new(&f.arena);
    CudaProblem whole = conv1_weights;
    whole.may_split = false;
    const CudaProblem *const asked[] = { &conv3, &conv1_weights, &whole, &conv1_weights, &conv3, &whole };
    for (int i = 0; i < 6; i++) {
        bool from_plan;
        CudaChoice c = plan_choose(plan, t, asked[i], &from_plan), right = choose_tile(t, asked[i]);
        assert_false(from_plan);
        assert_same_tile(&c.best.tile, &right.best.tile);
        assert_true(c.best.seconds == right.best.seconds && c.second.seconds == right.second.seconds);
    }
    arena_close(&f.arena);
}

// Shapes in the order of their prices, each once, the choice first; a plan gives any of them.
static void shapes_are_ranked(void **state)
{
    (void)state;
    static Fixture f;
    const Target *t = target_find("sm_90a");
    CudaPrice ranked[PLAN_RANKS];
    assert_int_equal(rank_tiles(t, &conv3, ranked, PLAN_RANKS), PLAN_RANKS);
    CudaChoice right = choose_tile(t, &conv3);
    assert_same_tile(&ranked[0].tile, &right.best.tile);
    assert_non_null(read_text(&f, PLAN_FIRST_LINE));
    for (int i = 0; i < PLAN_RANKS; i++) {
        const CudaTile *a = &ranked[i].tile;
        assert_true(tile_is_legal(t, &conv3, a));
        for (int k = 0; k < i; k++) {
            const CudaTile *b = &ranked[k].tile;
            assert_true(ranked[k].seconds <= ranked[i].seconds);
            assert_false(a->m == b->m && a->n == b->n && a->k == b->k && a->patch == b->patch);
        }
        CudaPlan *plan = plan_new(&f.arena);
        bool from_plan;
        plan_set_rank(plan, i + 1);
        CudaChoice c = plan_choose(plan, t, &conv3, &from_plan);
        assert_same_tile(&c.best.tile, a);
    }
    CudaPrice few[3];                            // fewer wanted: the same ones
    assert_int_equal(rank_tiles(t, &conv3, few, 3), 3);
    for (int i = 0; i < 3; i++)
        assert_same_tile(&few[i].tile, &ranked[i].tile);
    arena_close(&f.arena);
}

// A row that was printed, edited and read again wins over the model; what it leaves out does not.
static void a_plan_wins(void **state)
{
    (void)state;
    static Fixture f, empty;
    const Target *t = target_find("sm_90a");
    CudaTile mine = { .m = 64, .n = 64, .k = 32, .warp_m = 32, .warp_n = 32, .stages = 3, .split = 1 };
    assert_non_null(read_text(&empty, PLAN_FIRST_LINE));
    const char *row = plan_row(&empty.arena, t, &conv3, &mine);
    const char *text = arena_printf(&empty.arena, PLAN_FIRST_LINE "# mine\n\n  %s   # 64 x 64\n", row);
    CudaPlan *plan = read_text(&f, text);
    assert_non_null(plan);
    bool from_plan;
    CudaChoice c = plan_choose(plan, t, &conv3, &from_plan);
    assert_true(from_plan);
    assert_same_tile(&c.best.tile, &mine);
    assert_true(c.second.seconds <= c.best.seconds);
    plan_choose(plan, t, &conv1_weights, &from_plan);
    assert_false(from_plan);
    plan_choose(plan, target_find("sm_80"), &conv3, &from_plan);
    assert_false(from_plan);
    plan_choose(NULL, t, &conv3, &from_plan);
    assert_false(from_plan);
    arena_close(&f.arena);
    arena_close(&empty.arena);
}

// cuBLAS is worth its while for large products only, and where both operands are matrices.
static void the_library_must_gain(void **state)
{
    (void)state;
    static Fixture f;
    const Target *t = target_find("sm_90a");
    CudaProblem p = { .m = 4096, .n = 4096, .k = 9216, .groups = 1, .a_along_k = true, .b_along_k = true,
                      .may_split = true, .library = true, .unique_bytes = 4.0 * 4096 * (9216 * 2 + 4096),
                      .epilogue_bytes = 4 };
    CudaChoice c = choose_tile(t, &p);
    assert_true(c.best.tile.library && c.best.seconds < 0.85 * c.second.seconds);
    p.m = 16;
    c = choose_tile(t, &p);
    assert_false(c.best.tile.library);
    CudaTile library = { .split = 1, .library = true };
    assert_non_null(read_text(&f, PLAN_FIRST_LINE));
    const char *text = arena_printf(&f.arena, PLAN_FIRST_LINE "%s\n", plan_row(&f.arena, t, &p, &library));
    assert_non_null(strstr(text, ": cublas\n"));
    CudaPlan *plan = plan_read(&f.arena, &f.diag, "my.plan", text, (int)strlen(text));
    assert_non_null(plan);
    bool from_plan;
    assert_true(plan_choose(plan, t, &p, &from_plan).best.tile.library && from_plan);
    p.library = false;
    assert_false(plan_choose(plan, t, &p, &from_plan).best.tile.library || from_plan);
    arena_close(&f.arena);
}

#define ROW(target, along, tile) target " 1x1x1 groups 1 along " along " : tile " tile " split 1"

static void faults_of_plans_are_told(void **state)
{
    (void)state;
    static const struct { const char *text, *code; int line; } faults[] = {
        { "", "E601", 1 },
        { "cleave plan 2\n", "E601", 1 },
        { PLAN_FIRST_LINE "\nwhat\n", "E601", 3 },
        { PLAN_FIRST_LINE ROW("cuda:sm_10", "k,k", "64x64x32 warps 32x32 stages 3"), "E601", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "64x64x32 warps 32x32 stages 3") " more", "E601", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "n,k", "64x64x32 warps 32x32 stages 3"), "E601", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "64x64x32 warps 48x32 stages 3"), "E602", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "256x256x32 warps 64x64 stages 9"), "E602", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "0x64x32 warps 0x32 stages 3"), "E601", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "64x64x99999999999 warps 32x32 stages 3"), "E601", 2 },
        { PLAN_FIRST_LINE ROW("cuda:sm_80", "k,k", "64x64x32 warps 32x32 stages 3") "\n"
          ROW("cuda:sm_80", "k,k", "64x64x32 warps 32x32 stages 2") "\n", "E603", 3 },
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        static Fixture f;
        assert_null(read_text(&f, faults[i].text));
        assert_int_equal(f.diag.errors, 1);
        assert_string_equal(f.diag.first->code, faults[i].code);
        assert_int_equal(diag_place(&f.diag, f.diag.first->at).line, faults[i].line);
        arena_close(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_respect_the_roofline),
        cmocka_unit_test(few_tiles_are_split),
        cmocka_unit_test(choices_are_legal),
        cmocka_unit_test(shapes_are_ranked),
        cmocka_unit_test(choices_are_remembered),
        cmocka_unit_test(the_library_must_gain),
        cmocka_unit_test(a_plan_wins),
        cmocka_unit_test(faults_of_plans_are_told),
    };
    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
