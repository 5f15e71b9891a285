// Ops with numbers no sane net has: each is refused with a diagnostic or gives a legal shape and a
// cost that is not negative. Under UBSan no product overflows.
#include "reference/small_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { TRIES = 40000 };

static const int64_t numbers[] = { INT_MIN, -1, 0, 1, 1, 1, 2, 2, 3, 5, 7, 16, 255, 65536, 1 << 20,
                                   INT_MAX - 1, INT_MAX };
enum { NUMBERS = sizeof numbers / sizeof *numbers };
static const double reals[] = { 0, 1, -1, 0.5, 1e300, -1e-300, INFINITY, NAN };

static unsigned draw(uint64_t *state, unsigned below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % below;
}

static int hostile(uint64_t *state) { return (int)numbers[draw(state, NUMBERS)]; }
static double hostile_real(uint64_t *state) { return reals[draw(state, 8)]; }

static Shape random_shape(uint64_t *state)
{
    Shape s;
    do
        s = (Shape){ hostile(state), hostile(state), hostile(state), hostile(state) };
    while (!shape_is_legal(s));
    return s;
}

static Window hostile_window(uint64_t *state)
{
    return (Window){ hostile(state), hostile(state), hostile(state), hostile(state), hostile(state),
                     hostile(state), hostile(state), hostile(state), hostile(state), hostile(state),
                     draw(state, 2) };
}

static void fill_attr(Node *n, uint64_t *state)
{
    if (op_has(n->op, OP_CONTRACTION))
        n->attr.conv = (ConvAttr){ hostile(state), hostile_window(state) };
    else if (op_has(n->op, OP_WINDOW))
        n->attr.pool.window = hostile_window(state);
    else if (op_has(n->op, OP_NEIGHBOURS))
        n->attr.lrn = (LrnAttr){ hostile(state), hostile_real(state), hostile_real(state),
                                 hostile_real(state), hostile(state) };
    else if (op_has(n->op, OP_RANDOM))
        n->attr.dropout.rate = hostile_real(state);
    else if (n->op == OP_TOP)
        n->attr.top.k = hostile(state);
    else
        n->attr.slice = (SliceAttr){ hostile(state), draw(state, 2) ? hostile(state) : INT64_MAX };
}

// Gradients have the numbers of the op they belong to, which has been checked; the front end checks
// the function of a file's own op.
static bool is_written_by_users(Op op)
{
    return (op_table[op]->grad && !op_table[op]->function) || op == OP_TOP;
}

static void try_one(SmallNet *s, uint64_t *state)
{
    Op op = (Op)draw(state, OP_COUNT);
    if (!is_written_by_users(op))
        return;
    const OpInfo *info = op_table[op];
    int inputs = info->most_inputs < 0 ? 1 + (int)draw(state, 3) : info->most_inputs;
    Node *in[4];
    Shape common = random_shape(state);
    for (int i = 0; i < inputs; i++)
        in[i] = small_values(s, "x", draw(state, 2) ? common : random_shape(state));
    Node *n = graph_add(s->g, op, "n", NO_SPAN, NULL, inputs, in);
    fill_attr(n, state);
    int errors = s->diag.errors;
    if (!graph_infer(s->g, n)) {
        assert_int_equal(s->diag.errors, errors + 1);
        assert_int_equal(n->shape.n, 0);
        return;
    }
    assert_int_equal(s->diag.errors, errors);
    assert_true(shape_is_legal(n->shape));
    OpCost cost = info->cost ? info->cost(n) : (OpCost){ 0 };
    assert_true(cost.macs >= 0 && cost.flops >= 0);
}

static void try_many(SmallNet *s, const void *with)
{
    uint64_t state = *(const uint64_t *)with;
    for (int i = 0; i < TRIES / 100; i++)
        try_one(s, &state);
}

static void no_op_is_fooled(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++)
        small_net(GRAPH_TRAIN, 1, try_many, &seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_op_is_fooled) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
