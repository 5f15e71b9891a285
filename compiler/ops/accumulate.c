// What the gradients of a step's batches come to: y = dy / batches behind the first, and as much is added
// behind each further one; behind the last y is their mean. In a step whose batches are all alike y = dy.
#include "ops/ops.h"
#include <inttypes.h>

static void accumulate_print(const Node *n, FILE *out)
{
    fprintf(out, "of %d batches", n->attr.accumulate.batches);
}

static OpCost accumulate_cost(const Node *n) { return cost_per_element(n->shape, 2); }

const OpInfo op_accumulate = {
    .name = "accumulate", .least_inputs = 1, .most_inputs = 1, .traits = OP_WEIGHTS | OP_KEEPS,
    .infer = infer_like_input, .cost = accumulate_cost, .print = accumulate_print,
};
