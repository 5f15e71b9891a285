// Fully connected layers: y[n,o] = sum over i of w[o,i] * x[n,i]. With groups g (a split whose
// parts read only their own) output o sums over the inputs of its own group; w is O x I/g.
#include "ops/ops.h"

static bool fc_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    int64_t groups = n->attr.conv.groups > 1 ? n->attr.conv.groups : 1;
    char text[SHAPE_TEXT];
    if (x.h != 1 || x.w != 1)
        return op_fault(g, n, "E308", "it takes a vector, not maps of %s", shape_text(text, x));
    if (x.c % groups || w.n % groups)
        return op_fault(g, n, "E304", "%lld numbers %s do not divide into %lld groups",
                        (long long)(x.c % groups ? x.c : w.n), x.c % groups ? "in" : "out",
                        (long long)groups);
    if (w.c != x.c / groups || w.h != 1 || w.w != 1)
        return op_fault(g, n, "E307", "its weights %s are for %s inputs; here there are %lld",
                        n->in[1]->name, shape_text(text, w), (long long)(x.c / groups));
    n->shape = (Shape){ x.n, w.n, 1, 1 };
    return true;
}

static void fc_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *w = n->in[1];
    if (gradient_wanted(g, x)) {
        Node *dx = gradient_node(g, OP_FC_DX, "dx", n, 2, (Node *[]){ dy, w });
        dx->attr.conv = n->attr.conv;
        graph_infer(g, dx);
        gradient_add(g, x, dx);
    }
    if (gradient_wanted(g, w)) {
        Node *dw = gradient_node(g, OP_FC_DW, "dw", n, 2, (Node *[]){ x, dy });
        dw->attr.conv = n->attr.conv;
        graph_infer(g, dw);
        gradient_add(g, w, dw);
    }
}

static OpCost fc_cost(const Node *n) { return cost_of_products(n->shape, n->in[1]->shape); }
static OpCost fc_dx_cost(const Node *n)
{
    return cost_of_products(n->in[0]->shape, n->in[1]->shape);
}
static OpCost fc_dw_cost(const Node *n) { return cost_of_products(n->in[1]->shape, n->shape); }

static void fc_print(const Node *n, FILE *out)
{
    fprintf(out, "%lld", (long long)n->shape.c);
    if (n->attr.conv.groups > 1)
        fprintf(out, " groups %d", n->attr.conv.groups);
}

const OpInfo op_fc = {
    .name = "fc", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = fc_infer, .grad = fc_grad, .cost = fc_cost, .print = fc_print,
};

const OpInfo op_fc_dx = {
    .name = "fc_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = infer_like_operand, .cost = fc_dx_cost,
};

const OpInfo op_fc_dw = {
    .name = "fc_dw", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION | OP_WEIGHTS,
    .infer = infer_like_weights, .cost = fc_dw_cost,
};
