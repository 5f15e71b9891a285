// Is the label among the k largest scores? With g scores greater than the label's and e equal to it
// (itself included) the image counts min(1, max(0, (k - g) / e)): the share of the ways to break
// the tie that put the label among the first k, so equal scores are worth what guessing is worth.
// The original program shares credit the same way for k = 1. 0 for label -1 and for a NaN.
#include "ops/ops.h"

static bool top_infer(Graph *g, Node *n)
{
    int k = n->attr.top.k;
    if (k < 1 || k > n->in[0]->shape.c)
        return op_fault(g, n, "E311", "top(%d) of %lld classes", k, (long long)n->in[0]->shape.c);
    return infer_per_image(g, n);
}

static OpCost top_cost(const Node *n) { return cost_per_element(n->in[0]->shape, 2); }

static void top_print(const Node *n, FILE *out)
{
    fprintf(out, "%d", n->attr.top.k);
}

const OpInfo op_top = {
    .name = "top", .least_inputs = 2, .most_inputs = 2, .traits = OP_REDUCTION,
    .infer = top_infer, .cost = top_cost, .print = top_print,
};
