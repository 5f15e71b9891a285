// One number a channel, added; its gradient sums dy over images and pixels.
#include "ops/ops.h"

static bool bias_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape, b = n->in[1]->shape;
    if (!shape_equal(b, (Shape){ 1, x.c, 1, 1 }))
        return op_fault(g, n, "E307", "its biases %s are for %lld channels; here there are %lld",
                        n->in[1]->name, (long long)b.c, (long long)x.c);
    return infer_like_input(g, n);
}

static void bias_grad(Graph *g, Node *n, Node *dy)
{
    grad_unchanged(g, n, dy);
    if (gradient_wanted(g, n->in[1])) {
        Node *db = gradient_node(g, OP_BIAS_DW, "dw", n, 1, &dy);
        graph_infer(g, db);
        gradient_add(g, n->in[1], db);
    }
}

const OpInfo op_bias = {
    .name = "bias", .least_inputs = 2, .most_inputs = 2, .traits = OP_POINTWISE | OP_PER_MAP,
    .text = "%0 + %1", .infer = bias_infer, .grad = bias_grad,
};

static OpCost bias_dw_cost(const Node *n) { return cost_per_element(n->in[0]->shape, 1); }

const OpInfo op_bias_dw = {
    .name = "bias_dw", .least_inputs = 1, .most_inputs = 1, .traits = OP_REDUCTION | OP_WEIGHTS,
    .infer = infer_like_weights, .cost = bias_dw_cost,
};
