// relu, tanh, sigmoid. Their gradients are functions of dy and y, so that x need not be kept.
#include "ops/ops.h"

enum { ACTIVATION = OP_POINTWISE | OP_PER_MAP };

// `n` -> dx of op (dy, y).
static void grad_from_output(Graph *g, Node *n, Node *dy, Op op)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, op, "dx", n, 2, (Node *[]){ dy, n });
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static void relu_grad(Graph *g, Node *n, Node *dy) { grad_from_output(g, n, dy, OP_RELU_DX); }
static void tanh_grad(Graph *g, Node *n, Node *dy) { grad_from_output(g, n, dy, OP_TANH_DX); }
static void sigmoid_grad(Graph *g, Node *n, Node *dy) { grad_from_output(g, n, dy, OP_SIGMOID_DX); }

// In this order of arguments a NaN goes through instead of becoming 0.
const OpInfo op_relu = {
    .name = "relu", .least_inputs = 1, .most_inputs = 1, .traits = ACTIVATION,
    .text = "r_max(R0, %0)", .infer = infer_like_input, .grad = relu_grad,
};

// The derivative at 0 is 0.
const OpInfo op_relu_dx = {
    .name = "relu_dx", .least_inputs = 2, .most_inputs = 2, .traits = ACTIVATION,
    .text = "r_select(%1 > R0, %0, R0)", .infer = infer_like_inputs,
};

const OpInfo op_tanh = {
    .name = "tanh", .least_inputs = 1, .most_inputs = 1, .traits = ACTIVATION,
    .text = "r_tanh(%0)", .infer = infer_like_input, .grad = tanh_grad,
};

const OpInfo op_tanh_dx = {
    .name = "tanh_dx", .least_inputs = 2, .most_inputs = 2, .traits = ACTIVATION,
    .text = "%0 * (R1 - %1 * %1)", .infer = infer_like_inputs,
};

const OpInfo op_sigmoid = {
    .name = "sigmoid", .least_inputs = 1, .most_inputs = 1, .traits = ACTIVATION,
    .text = "R1 / (R1 + r_exp(-%0))", .infer = infer_like_input, .grad = sigmoid_grad,
};

const OpInfo op_sigmoid_dx = {
    .name = "sigmoid_dx", .least_inputs = 2, .most_inputs = 2, .traits = ACTIVATION,
    .text = "%0 * %1 * (R1 - %1)", .infer = infer_like_inputs,
};
