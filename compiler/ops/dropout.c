// Dropout while training: an element is kept when its random number is at least `rate`. Kept ones
// stay as they are (the paper; testing then multiplies by 1 - rate) or are divided by 1 - rate.
// In graphs that test or predict pass_simplify puts a scale or nothing in its place.
#include "ops/ops.h"

static bool dropout_infer(Graph *g, Node *n)
{
    double rate = n->attr.dropout.rate;
    if (!(rate >= 0 && rate < 1))
        return op_fault(g, n, "E309", "a share of %g cannot be dropped; it must be at least 0 and "
                        "less than 1", rate);
    return infer_like_input(g, n);
}

static void dropout_numbers(const Node *n, double *a, double *b)
{
    *a = n->attr.dropout.rate;
    *b = n->attr.dropout.scale_in_test ? 1 : 1 / (1 - n->attr.dropout.rate);
}

// The gradient drops the same elements: the numbers depend on the logical index only.
static void dropout_grad(Graph *g, Node *n, Node *dy)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_DROPOUT, "dx", n, 1, &dy);
    dx->attr.dropout = n->attr.dropout;
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static OpCost dropout_cost(const Node *n) { return cost_per_element(n->shape, 2); }

static void dropout_print(const Node *n, FILE *out)
{
    const DropoutAttr *a = &n->attr.dropout;
    fprintf(out, "%g%s", a->rate, a->scale_in_test ? " scale in test" : "");
}

const OpInfo op_dropout = {
    .name = "dropout", .least_inputs = 1, .most_inputs = 1,
    .traits = OP_POINTWISE | OP_PER_MAP | OP_RANDOM, .text = "r_select(%r >= %a, %0 * %b, R0)",
    .numbers = dropout_numbers, .infer = dropout_infer, .grad = dropout_grad, .cost = dropout_cost,
    .print = dropout_print,
};
