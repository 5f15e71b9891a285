// The loss of scores z against a label l, per image: log(sum of exp(z_j - m)) - (z_l - m), m the
// largest; 0 for label -1. The net is trained on the mean over the batch, so the gradient at z is
// (softmax(z) - onehot(l)) / n, 0 for label -1: n counts every place of the batch.
#include "ops/ops.h"

static void cross_entropy_grad(Graph *g, Node *n, Node *dy)
{
    (void)dy;                                        // the loss starts the gradient
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_CROSS_ENTROPY_DX, "dx", n, 2, (Node *[]){ n->in[0], n->in[1] });
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static OpCost cross_entropy_cost(const Node *n) { return cost_per_element(n->in[0]->shape, 4); }

const OpInfo op_cross_entropy = {
    .name = "cross_entropy", .least_inputs = 2, .most_inputs = 2, .traits = OP_REDUCTION,
    .infer = infer_per_image, .grad = cross_entropy_grad, .cost = cross_entropy_cost,
};

const OpInfo op_cross_entropy_dx = {
    .name = "cross_entropy_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_REDUCTION,
    .infer = infer_like_operand, .cost = cross_entropy_cost,
};
