// Convolution, its two gradients, and the reordering of weights that makes an input gradient a
// convolution. y[n,k,oh,ow] = sum over c,r,s of w[k,c,r,s] * x[n, first(k) + c, oh*stride - pad +
// r*dilation, ...], where first(k) is the first channel of k's group; taps beyond the map are 0.
#include "ops/ops.h"

static bool check_groups(Graph *g, const Node *n, int64_t channels, const char *which)
{
    int groups = n->attr.conv.groups;
    if (groups < 1)
        return op_fault(g, n, "E304", "%d groups; there is at least one", groups);
    if (channels % groups == 0)
        return true;
    op_fault(g, n, "E304", "%lld channels %s do not divide into %d groups", (long long)channels,
             which, groups);
    diag_detail(g->diag, "%lld = %d * %lld + %lld", (long long)channels, groups,
                (long long)(channels / groups), (long long)(channels % groups));
    return false;
}

static bool check_weights(Graph *g, const Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    const Window *win = &n->attr.conv.window;
    if (w.c == x.c / n->attr.conv.groups && w.h == win->kernel_h && w.w == win->kernel_w)
        return true;
    char text[SHAPE_TEXT], other[SHAPE_TEXT];
    Shape want = { 1, x.c / n->attr.conv.groups, win->kernel_h, win->kernel_w };
    return op_fault(g, n, "E307", "its weights %s have filters of %s; here they must be %s",
                    n->in[1]->name, shape_text(text, w), shape_text(other, want));
}

static bool conv_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    if (!check_groups(g, n, x.c, "in") || !check_groups(g, n, w.n, "out")
        || !window_check(g, n, &n->attr.conv.window, x, "kernel") || !check_weights(g, n))
        return false;
    n->shape = window_shape(&n->attr.conv.window, x, w.n);
    return true;
}

static void conv_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *w = n->in[1];
    if (gradient_wanted(g, x)) {
        Node *dx = gradient_node(g, OP_CONV_DX, "dx", n, 2, (Node *[]){ dy, w });
        dx->attr.conv = n->attr.conv;
        graph_infer(g, dx);
        gradient_add(g, x, dx);
    }
    if (gradient_wanted(g, w)) {
        Node *dw = gradient_node(g, OP_CONV_DW, "dw", n, 2, (Node *[]){ x, dy });
        dw->attr.conv = n->attr.conv;
        graph_infer(g, dw);
        gradient_add(g, w, dw);
    }
}

// All three sum as many products: K * OH * OW * (C / groups) * R * S of each image.
static OpCost conv_cost(const Node *n) { return cost_of_products(n->shape, n->in[1]->shape); }
static OpCost conv_dx_cost(const Node *n)
{
    // Flipped weights are C x K/g x R x S; counted from dy it takes K x C/g x R x S.
    const Node *w = n->in[1]->op == OP_FLIP ? n->in[1]->in[0] : n->in[1];
    return cost_of_products(n->in[0]->shape, w->shape);
}
static OpCost conv_dw_cost(const Node *n) { return cost_of_products(n->in[1]->shape, n->shape); }

static void conv_print(const Node *n, FILE *out)
{
    window_print(&n->attr.conv.window, out);
    if (n->attr.conv.groups > 1)
        fprintf(out, " groups %d", n->attr.conv.groups);
}

const OpInfo op_conv = {
    .name = "conv", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = conv_infer, .grad = conv_grad, .cost = conv_cost, .print = conv_print,
};

const OpInfo op_conv_dx = {
    .name = "conv_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = infer_like_operand, .cost = conv_dx_cost, .print = conv_print,
};

const OpInfo op_conv_dw = {
    .name = "conv_dw", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION | OP_WEIGHTS,
    .infer = infer_like_weights, .cost = conv_dw_cost, .print = conv_print,
};

static bool flip_infer(Graph *g, Node *n)
{
    Shape w = n->in[0]->shape;
    int64_t groups = n->attr.conv.groups;
    if (!check_groups(g, n, w.n, "out"))
        return false;
    n->shape = (Shape){ 1, w.n / groups, w.h, w.w };
    return size_multiply(w.c, groups, &n->shape.n);
}

static OpCost flip_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

const OpInfo op_flip = {
    .name = "flip", .least_inputs = 1, .most_inputs = 1, .traits = OP_WEIGHTS,
    .infer = flip_infer, .cost = flip_cost, .print = conv_print,
};
