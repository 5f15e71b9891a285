// One number a channel, added; its gradient sums dy over images and pixels. And one for each channel and
// place of the map (place_bias), whose gradient sums dy over images.
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

// --- a bias for each place ------------------------------------------------------------------------

static bool place_bias_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape, b = n->in[1]->shape;
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    if (!shape_equal(b, (Shape){ 1, x.c, x.h, x.w }))
        return op_fault(g, n, "E307", "its biases %s are for maps of %s; here they are %s", n->in[1]->name,
                        shape_text(have, b), shape_text(want, x));
    return infer_like_input(g, n);
}

static void place_bias_grad(Graph *g, Node *n, Node *dy)
{
    grad_unchanged(g, n, dy);
    if (gradient_wanted(g, n->in[1])) {
        Node *db = gradient_node(g, OP_PLACE_BIAS_DW, "dw", n, 1, &dy);
        graph_infer(g, db);
        gradient_add(g, n->in[1], db);
    }
}

const OpInfo op_place_bias = {
    .name = "place_bias", .least_inputs = 2, .most_inputs = 2, .traits = OP_POINTWISE | OP_PER_MAP,
    .text = "%0 + %1", .infer = place_bias_infer, .grad = place_bias_grad,
};

const OpInfo op_place_bias_dw = {
    .name = "place_bias_dw", .least_inputs = 1, .most_inputs = 1, .traits = OP_REDUCTION | OP_WEIGHTS,
    .infer = infer_like_weights, .cost = bias_dw_cost,
};
