// Local response normalisation (Krizhevsky et al. 2012, section 3.3). d = k + alpha * sum of x^2,
// y = x * d^-beta. `lrn` sums over `size` maps at the same pixel, i - size/2 .. i + size/2, within
// the channel's own run (attr.lrn.parts equal runs); `lrn_map` over size x size pixels of the same
// map. At the edges there are fewer terms. alpha multiplies the sum, never alpha / size.
// dx_i = dy_i * d_i^-beta - 2 * alpha * beta * x_i * sum over j of dy_j * y_j / d_j, where i is in
// the window of j: for odd sizes the same window.
#include "ops/ops.h"

static bool lrn_infer(Graph *g, Node *n)
{
    const LrnAttr *a = &n->attr.lrn;
    Shape x = n->in[0]->shape;
    if (a->size < 1 || a->size % 2 == 0)
        return op_fault(g, n, "E310", "the size must be odd, not %d: an even window has no middle",
                        a->size);
    // Positive d everywhere: the power is defined.
    if (!(a->k > 0) || !(a->alpha >= 0))
        return op_fault(g, n, "E310", "k must be more than 0 and alpha at least 0, not %g and %g",
                        a->k, a->alpha);
    if (a->parts > 1 && x.c % a->parts)
        return op_fault(g, n, "E304", "%lld channels do not divide into %d parts", (long long)x.c,
                        a->parts);
    return infer_like_input(g, n);
}

static void grad_from_input(Graph *g, Node *n, Node *dy, Op op)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, op, "dx", n, 2, (Node *[]){ dy, n->in[0] });
    dx->attr.lrn = n->attr.lrn;
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

static void lrn_grad(Graph *g, Node *n, Node *dy) { grad_from_input(g, n, dy, OP_LRN_DX); }
static void lrn_map_grad(Graph *g, Node *n, Node *dy) { grad_from_input(g, n, dy, OP_LRN_MAP_DX); }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Terms of one sum; a window wider than the channels or the map sums what is there.
static int64_t channel_terms(const Node *n) { return least(n->attr.lrn.size, n->shape.c); }
static int64_t pixel_terms(const Node *n)
{
    return least(n->attr.lrn.size, n->shape.h) * least(n->attr.lrn.size, n->shape.w);
}

// A square and a sum for each term, a power and two products; the gradient sums twice.
static OpCost lrn_cost(const Node *n) { return cost_per_element(n->shape, channel_terms(n) + 6); }
static OpCost lrn_dx_cost(const Node *n)
{
    return cost_per_element(n->shape, 2 * channel_terms(n) + 12);
}
static OpCost lrn_map_cost(const Node *n) { return cost_per_element(n->shape, pixel_terms(n) + 6); }
static OpCost lrn_map_dx_cost(const Node *n)
{
    return cost_per_element(n->shape, 2 * pixel_terms(n) + 12);
}

static void lrn_print(const Node *n, FILE *out)
{
    const LrnAttr *a = &n->attr.lrn;
    fprintf(out, "n %d k %g alpha %g beta %g", a->size, a->k, a->alpha, a->beta);
    if (a->parts > 1)
        fprintf(out, " parts %d", a->parts);
}

const OpInfo op_lrn = {
    .name = "lrn", .least_inputs = 1, .most_inputs = 1, .traits = OP_NEIGHBOURS | OP_PER_PART,
    .infer = lrn_infer, .grad = lrn_grad, .cost = lrn_cost, .print = lrn_print,
};

const OpInfo op_lrn_dx = {
    .name = "lrn_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_NEIGHBOURS | OP_PER_PART,
    .infer = infer_like_inputs, .cost = lrn_dx_cost, .print = lrn_print,
};

const OpInfo op_lrn_map = {
    .name = "lrn_map", .least_inputs = 1, .most_inputs = 1, .traits = OP_NEIGHBOURS | OP_PER_MAP,
    .infer = lrn_infer, .grad = lrn_map_grad, .cost = lrn_map_cost, .print = lrn_print,
};

const OpInfo op_lrn_map_dx = {
    .name = "lrn_map_dx", .least_inputs = 2, .most_inputs = 2, .traits = OP_NEIGHBOURS | OP_PER_MAP,
    .infer = infer_like_inputs, .cost = lrn_map_dx_cost, .print = lrn_print,
};
