// Pooling. Windows are clipped to the map: padding is not there, a mean divides by what is. Of
// equal maxima the first in row-major order counts; a NaN is never larger than what came before.
#include "ops/ops.h"

// No window may lie wholly in the padding.
static bool pool_infer(Graph *g, Node *n)
{
    const Window *w = &n->attr.pool.window;
    Shape x = n->in[0]->shape;
    if (!window_check(g, n, w, x, "window"))
        return false;
    if (w->dilation_h != 1 || w->dilation_w != 1)
        return op_fault(g, n, "E305", "the windows of a pool have no dilation");
    int high = w->pad_top > w->pad_bottom ? w->pad_top : w->pad_bottom;
    int wide = w->pad_left > w->pad_right ? w->pad_left : w->pad_right;
    if (high >= w->kernel_h || wide >= w->kernel_w)
        return op_fault(g, n, "E305", "a pad of %d lets windows of %dx%d see nothing but padding",
                        high >= w->kernel_h ? high : wide, w->kernel_h, w->kernel_w);
    n->shape = window_shape(w, x, x.c);
    return true;
}

static bool max_pool_infer(Graph *g, Node *n)
{
    const Window *w = &n->attr.pool.window;
    if (!pool_infer(g, n))
        return false;
    if ((int64_t)w->kernel_h * w->kernel_w > MAX_POOL_TAPS)
        return op_fault(g, n, "E316", "a window of %dx%d has more than %d places to remember a maximum by",
                        w->kernel_h, w->kernel_w, MAX_POOL_TAPS);
    return true;
}

static void pool_grad(Graph *g, Node *n, Op op, int inputs, Node *const *in)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, op, "dx", n, inputs, in);
    dx->attr.pool = n->attr.pool;
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static void max_pool_grad(Graph *g, Node *n, Node *dy)
{
    pool_grad(g, n, OP_MAX_POOL_DX, 2, (Node *[]){ dy, n->in[0] });
}

static void mean_pool_grad(Graph *g, Node *n, Node *dy)
{
    pool_grad(g, n, OP_MEAN_POOL_DX, 1, &dy);
}

// One comparison or addition a tap.
static OpCost cost_per_tap(const Node *n, Shape outputs)
{
    int64_t taps = (int64_t)n->attr.pool.window.kernel_h * n->attr.pool.window.kernel_w;
    return cost_per_element(outputs, taps);
}
static OpCost pool_cost(const Node *n) { return cost_per_tap(n, n->shape); }
static OpCost max_pool_dx_cost(const Node *n) { return cost_per_element(n->in[0]->shape, 1); }
static OpCost mean_pool_dx_cost(const Node *n) { return cost_per_tap(n, n->in[0]->shape); }

static void pool_print(const Node *n, FILE *out)
{
    window_print(&n->attr.pool.window, out);
}

const OpInfo op_max_pool = {
    .name = "max_pool", .least_inputs = 1, .most_inputs = 1, .traits = OP_WINDOW | OP_PER_MAP,
    .infer = max_pool_infer, .grad = max_pool_grad, .cost = pool_cost, .print = pool_print,
};

const OpInfo op_max_pool_dx = {
    .name = "max_pool_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_WINDOW | OP_PER_MAP,
    .infer = infer_like_operand, .cost = max_pool_dx_cost, .print = pool_print,
};

const OpInfo op_mean_pool = {
    .name = "mean_pool", .least_inputs = 1, .most_inputs = 1, .traits = OP_WINDOW | OP_PER_MAP,
    .infer = pool_infer, .grad = mean_pool_grad, .cost = pool_cost, .print = pool_print,
};

const OpInfo op_mean_pool_dx = {
    .name = "mean_pool_dx", .least_inputs = 1, .most_inputs = 1, .traits = OP_WINDOW | OP_PER_MAP,
    .infer = infer_like_operand, .cost = mean_pool_dx_cost, .print = pool_print,
};
