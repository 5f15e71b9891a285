// Locally connected layers: convolutions with weights of their own at each place of the map.
// y[n,k,oh,ow] = sum over c,r,s of w[k, place * C + c, r, s] * x[n, first(k) + c, oh*stride - pad +
// r*dilation, ...] where place = oh * OW + ow, C is the channels of a group and first(k) the first one
// of k's; taps beyond the map are 0. So weights are K x (OH * OW * C) x R x S: a part of a split has a
// run of their rows, as of a convolution's.
#include "ops/ops.h"

static int64_t places_of(Shape map) { return map.h * map.w; }

static bool check_weights(Graph *g, const Node *n, int64_t places)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    const Window *win = &n->attr.conv.window;
    Shape want = { w.n, 0, win->kernel_h, win->kernel_w };
    if (size_multiply(places, x.c / n->attr.conv.groups, &want.c) && shape_equal(w, want))
        return true;
    char text[SHAPE_TEXT], other[SHAPE_TEXT];
    return op_fault(g, n, "E307", "its weights %s have filters of %s; here they must be %s", n->in[1]->name,
                    shape_text(text, w), shape_text(other, want));
}

static bool local_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape, w = n->in[1]->shape;
    int groups = n->attr.conv.groups;
    if (groups < 1 || x.c % groups || w.n % groups)
        return op_fault(g, n, "E304", "%lld channels in and %lld out do not divide into %d groups",
                        (long long)x.c, (long long)w.n, groups);
    if (!window_check(g, n, &n->attr.conv.window, x, "kernel"))
        return false;
    n->shape = window_shape(&n->attr.conv.window, x, w.n);
    return check_weights(g, n, places_of(n->shape));
}

static void local_grad(Graph *g, Node *n, Node *dy)
{
    Node *x = n->in[0], *w = n->in[1];
    if (gradient_wanted(g, x)) {
        Node *dx = gradient_node(g, OP_LOCAL_DX, "dx", n, 2, (Node *[]){ dy, w });
        dx->attr.conv = n->attr.conv;
        graph_infer(g, dx);
        gradient_add(g, x, dx);
    }
    if (gradient_wanted(g, w)) {
        Node *dw = gradient_node(g, OP_LOCAL_DW, "dw", n, 2, (Node *[]){ x, dy });
        dw->attr.conv = n->attr.conv;
        graph_infer(g, dw);
        gradient_add(g, w, dw);
    }
}

// All three: each output sums the products of its own filter.
static OpCost cost(Shape out, Shape weights)
{
    weights.c /= places_of(out);
    return cost_of_products(out, weights);
}

static OpCost local_cost(const Node *n) { return cost(n->shape, n->in[1]->shape); }
static OpCost local_dx_cost(const Node *n) { return cost(n->in[0]->shape, n->in[1]->shape); }
static OpCost local_dw_cost(const Node *n) { return cost(n->in[1]->shape, n->shape); }

static void local_print(const Node *n, FILE *out)
{
    window_print(&n->attr.conv.window, out);
    if (n->attr.conv.groups > 1)
        fprintf(out, " groups %d", n->attr.conv.groups);
}

const OpInfo op_local = {
    .name = "local", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = local_infer, .grad = local_grad, .cost = local_cost, .print = local_print,
};

const OpInfo op_local_dx = {
    .name = "local_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION,
    .infer = infer_like_operand, .cost = local_dx_cost, .print = local_print,
};

const OpInfo op_local_dw = {
    .name = "local_dw", .least_inputs = 2, .most_inputs = 2, .traits = OP_CONTRACTION | OP_WEIGHTS,
    .infer = infer_like_weights, .cost = local_dw_cost, .print = local_print,
};
