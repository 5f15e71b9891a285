// A step of gradient descent by a rule of base/solver.h. The paper's (section 5): v <- momentum * v -
// decay * rate * w - rate * g; w <- w + v; the rate multiplies inside v, so that a change of it leaves what
// has been gathered as it is. g is the gradient of the mean over the batch. v stands beside the parameter
// and is no value of the graph.
#include "ops/ops.h"

static void sgd_print(const Node *n, FILE *out)
{
    fputs(solver_rule_names[n->attr.update.rule], out);
}

static OpCost sgd_cost(const Node *n) { return cost_per_element(n->shape, 6); }

const OpInfo op_sgd = {
    .name = "sgd", .least_inputs = 2, .most_inputs = 2, .traits = OP_UPDATE | OP_WEIGHTS,
    .infer = infer_like_inputs, .cost = sgd_cost, .print = sgd_print,
};
