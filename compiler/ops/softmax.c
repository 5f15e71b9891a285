// Softmax over the channels of each pixel: y_c = exp(x_c - m) / sum of exp(x_j - m), m the largest.
// dx_c = y_c * (dy_c - sum over j of dy_j * y_j).
#include "ops/ops.h"

static void softmax_grad(Graph *g, Node *n, Node *dy)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_SOFTMAX_DX, "dx", n, 2, (Node *[]){ dy, n });
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static OpCost softmax_cost(const Node *n) { return cost_per_element(n->shape, 5); }
static OpCost softmax_dx_cost(const Node *n) { return cost_per_element(n->shape, 4); }

const OpInfo op_softmax = {
    .name = "softmax", .least_inputs = 1, .most_inputs = 1, .traits = OP_REDUCTION,
    .infer = infer_like_input, .grad = softmax_grad, .cost = softmax_cost,
};

const OpInfo op_softmax_dx = {
    .name = "softmax_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_REDUCTION,
    .infer = infer_like_inputs, .cost = softmax_dx_cost,
};
