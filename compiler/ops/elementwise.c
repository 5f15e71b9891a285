// An op that a file defines by a formula, and the gradients of such ops: both are a function that
// works element by element (ir/elementwise.h), with the tensors it reads as inputs.
#include "ops/ops.h"

static const Elementwise *function_of(const Node *n) { return n->attr.elementwise.function; }

static bool elementwise_infer(Graph *g, Node *n)
{
    const Elementwise *f = function_of(n);
    if (!f || f->inputs != n->inputs)
        return diag_error(g->diag, n->at, "E900", "internal error: %s has no function of %d inputs",
                          n->name, n->inputs);
    return infer_like_inputs(g, n);
}

// dL/d(in[i]). A function that does not change with it gives 0 * dy.
static Node *derivative_node(Graph *g, Node *n, int i, Node *dy)
{
    int which[ELEMENTWISE_INPUTS + 1];
    Node *in[ELEMENTWISE_INPUTS + 1];
    const Elementwise *d = elementwise_derivative(function_of(n), i, which);
    if (d->inputs == 0)
        return gradient_node(g, OP_SCALE, "dx", n, 1, &dy);
    for (int k = 0; k < d->inputs; k++)
        in[k] = which[k] ? n->in[which[k] - 1] : dy;
    Node *dx = gradient_node(g, OP_ELEMENTWISE, "dx", n, d->inputs, in);
    dx->attr.elementwise.function = d;
    return dx;
}

static void elementwise_grad(Graph *g, Node *n, Node *dy)
{
    for (int i = 0; i < n->inputs; i++) {
        if (!gradient_wanted(g, n->in[i]))
            continue;
        Node *dx = derivative_node(g, n, i, dy);
        graph_infer(g, dx);
        gradient_add(g, n->in[i], dx);
    }
}

static OpCost elementwise_cost(const Node *n)
{
    return cost_per_element(n->shape, elementwise_flops(function_of(n)));
}

const OpInfo op_elementwise = {
    .name = "elementwise", .least_inputs = 1, .most_inputs = ELEMENTWISE_INPUTS + 1,
    .traits = OP_POINTWISE | OP_PER_MAP, .function = function_of, .infer = elementwise_infer,
    .grad = elementwise_grad, .cost = elementwise_cost,
};
