// Pointwise nodes before the gradient of a pool are computed where its kernel gathers: which are, which are
// not and why, and that numbers stay what they are when a kernel of its own leaves them, bit by bit.
#include "pass/pass.h"
#include "reference/cuda_case.h"
#include "reference/small_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

// A convolution, relu, normalisation (0: none), a pool, an op behind it, two fully connected layers: the
// gradient that reaches the pool is a sum, and goes through the op's.
typedef struct {
    int channels, size, lrn, kernel, stride, pad;
    Op  pool, behind;              // `behind` OP_FLATTEN: nothing
} Case;

static const Case cases[] = {
    { 16, 9, 5, 3, 2, 0, OP_MAX_POOL, OP_FLATTEN },
    { 10, 8, 3, 3, 2, 1, OP_MAX_POOL, OP_TANH },           // channels that fill no vector
    { 24, 8, 0, 2, 2, 0, OP_MAX_POOL, OP_RELU },
    { 9, 7, 0, 3, 2, 1, OP_MEAN_POOL, OP_SIGMOID },
    { 8, 8, 0, 2, 2, 0, OP_MAX_POOL, OP_DROPOUT },         // never: numbers would be drawn again
    { 8, 8, 0, 3, 1, 0, OP_MEAN_POOL, OP_TANH },           // never: nine windows read each value
};
enum { CASES = sizeof cases / sizeof *cases, FUSED = 4 };

static void build(SmallNet *s, const Case *c)
{
    Node pool = { .attr.pool.window = small_window(c->kernel, c->stride, c->pad) };
    Node lrn = { .attr.lrn = { c->lrn, 2, 0.1, 0.75, 1 } };
    Node drop = { .attr.dropout = { 0.5, 0, 7, 0, c->channels } };
    Node *x = small_conv(s, small_input(s, 3, c->size, c->size), c->channels, 1, small_window(3, 1, 1));
    x = small_op1(s, OP_RELU, NULL, small_bias(s, x));
    if (c->lrn)
        x = small_op1(s, OP_LRN, &lrn, x);
    x = small_op1(s, c->pool, &pool, x);
    if (c->behind != OP_FLATTEN)
        x = small_op1(s, c->behind, c->behind == OP_DROPOUT ? &drop : NULL, x);
    Node *both[] = { small_bias(s, small_fc(s, x, 10)), small_bias(s, small_fc(s, x, 10)) };
    small_loss(s, small_op(s, OP_ADD, NULL, 2, both));
}

static bool is_pool_gradient(const Node *n) { return n->op == OP_MAX_POOL_DX || n->op == OP_MEAN_POOL_DX; }

static Group *pool_gradient(const SmallNet *s)
{
    for (int i = 0; i < s->g->group_count; i++)
        if (is_pool_gradient(s->g->groups[i]->root))
            return s->g->groups[i];
    fail_msg("no pool");
    return NULL;
}

typedef void Visit(SmallNet *s, const Case *c, const Target *t, void *with);

static void each_case(const Target *t, bool fuse, int first, int end, Visit *visit, void *with)
{
    for (int i = first; i < end; i++) {
        SmallNet s = { 0 };
        if (setjmp(s.exhausted))
            fail_msg("out of memory");
        arena_open(&s.arena, 0, &s.exhausted);
        diag_open(&s.diag, &s.arena);
        s.g = graph_new(&s.arena, &s.diag, "pools", GRAPH_TRAIN, 3);
        graph_device(s.g, "gpu0");
        build(&s, &cases[i]);
        if (!pass_run(s.g, &(PassOptions){ t, fuse, false, true, 1, NULL }, NULL)) {
            diag_print(&s.diag, stderr, false);
            fail_msg("%s: refused", t->name);
        }
        visit(&s, &cases[i], t, with);
        arena_close(&s.arena);
    }
}

// --- who is fused -------------------------------------------------------------------------------

// `with`: NULL where the prologue is the kernel's, else part of the reason why it is not.
static void check_group(SmallNet *s, const Case *c, const Target *t, void *with)
{
    (void)t;
    const Group *g = pool_gradient(s);
    Node *dy = g->root->in[0];
    const char *why = pass_fuse_refusal(s->g, dy, g->root);
    if (with) {
        assert_int_equal(g->prologue_count, 0);
        assert_ptr_not_equal(dy->group, g);
        assert_non_null(why);
        assert_non_null(strstr(why, with));
        return;
    }
    assert_null(why);
    assert_int_equal(g->prologue_count, c->behind == OP_FLATTEN ? 1 : 2);
    assert_ptr_equal(g->nodes[g->prologue_count], g->root);
    assert_non_null(strstr(g->reason, "is computed where"));
    for (int i = 0; i < g->input_count; i++)
        assert_ptr_not_equal(g->inputs[i], dy);
}

static void chains_join_the_gradient(void **state)
{
    (void)state;
    const Target *gpu = target_find("sm_80"), *cpu = target_find("avx2");
    each_case(gpu, true, 0, FUSED, check_group, NULL);
    each_case(gpu, true, FUSED, FUSED + 1, check_group, "random numbers would be drawn again");
    each_case(gpu, true, FUSED + 1, FUSED + 2, check_group, "read in up to 9 windows");
    each_case(gpu, false, 0, FUSED, check_group, "fusion is off");
    each_case(cpu, true, 0, FUSED, check_group, "it reads a window of places");
}

// --- numbers ------------------------------------------------------------------------------------

static void check_numbers(SmallNet *s, const Case *c, const Target *t, void *with)
{
    (void)c;
    CudaCase k = { .arena = &s->arena, .graph = s->g, .target = t, .nvrtc = with };
    k.evaluator = evaluator_open(&s->arena, s->g);
    evaluator_fill(k.evaluator, 5);
    k.evaluator->frozen = true;
    evaluator_run(k.evaluator);
    Group *g = pool_gradient(s);
    cuda_case_check(&k, g->root->forward->group);
    cuda_case_check(&k, g);
    if (g->prologue_count)
        cuda_case_check_prologue(&k, g);
}

static void numbers_stay(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    if (!cuda_open_nvrtc(&nvrtc))
        skip();
    for (int i = 0; i < 3; i++)
        each_case(target_with(target_find("sm_80"), (Element)i), true, 0, FUSED, check_numbers, &nvrtc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_join_the_gradient),
        cmocka_unit_test(numbers_stay),
    };
    return cmocka_run_group_tests_name("cuda prologues", tests, NULL, NULL);
}
