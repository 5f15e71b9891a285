// scale, add, mul: a * x + b, x + y, x * y.
#include "ops/ops.h"

static void scale_numbers(const Node *n, double *a, double *b)
{
    *a = n->attr.pointwise.a;
    *b = n->attr.pointwise.b;
}

static void scale_grad(Graph *g, Node *n, Node *dy)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_SCALE, "dx", n, 1, &dy);
    dx->attr.pointwise = (PointwiseAttr){ n->attr.pointwise.a, 0 };
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static OpCost scale_cost(const Node *n) { return cost_per_element(n->shape, 2); }

static void scale_print(const Node *n, FILE *out)
{
    fprintf(out, "%g", n->attr.pointwise.a);
    if (n->attr.pointwise.b != 0)
        fprintf(out, " + %g", n->attr.pointwise.b);
}

const OpInfo op_scale = {
    .name = "scale", .least_inputs = 1, .most_inputs = 1, .traits = OP_POINTWISE | OP_PER_MAP,
    .text = "%0 * %a + %b", .numbers = scale_numbers, .infer = infer_like_input, .grad = scale_grad,
    .cost = scale_cost, .print = scale_print,
};

static void add_grad(Graph *g, Node *n, Node *dy)
{
    for (int i = 0; i < n->inputs; i++)
        if (gradient_wanted(g, n->in[i]))
            gradient_add(g, n->in[i], dy);
}

const OpInfo op_add = {
    .name = "add", .least_inputs = 2, .most_inputs = 2, .traits = OP_POINTWISE | OP_PER_MAP,
    .text = "%0 + %1", .infer = infer_like_inputs, .grad = add_grad,
};

static void mul_grad(Graph *g, Node *n, Node *dy)
{
    for (int i = 0; i < n->inputs; i++) {
        if (!gradient_wanted(g, n->in[i]))
            continue;
        Node *dx = gradient_node(g, OP_MUL, "dx", n, 2, (Node *[]){ dy, n->in[1 - i] });
        graph_infer(g, dx);
        gradient_add(g, n->in[i], dx);
    }
}

const OpInfo op_mul = {
    .name = "mul", .least_inputs = 2, .most_inputs = 2, .traits = OP_POINTWISE | OP_PER_MAP,
    .text = "%0 * %1", .infer = infer_like_inputs, .grad = mul_grad,
};
