// Ops that only say how values are seen: flatten, concat, slice, embed, all, join. They cost
// nothing when the layout allows.
#include "ops/ops.h"

static const Runs channels = { .what = "channels", .code = "E313", .slice = OP_SLICE, .embed = OP_EMBED };

static OpCost no_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

static bool flatten_infer(Graph *g, Node *n)
{
    if (n->role == ROLE_BACKWARD)
        return infer_like_operand(g, n);
    n->shape = (Shape){ n->in[0]->shape.n, shape_item(n->in[0]->shape), 1, 1 };
    return true;
}

static void flatten_grad(Graph *g, Node *n, Node *dy)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_FLATTEN, "dx", n, 1, &dy);
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

const OpInfo op_flatten = {
    .name = "flatten", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = flatten_infer, .grad = flatten_grad, .cost = no_cost,
};

static bool concat_infer(Graph *g, Node *n)
{
    Shape sum = n->in[0]->shape;
    for (int i = 1; i < n->inputs; i++) {
        Shape s = n->in[i]->shape;
        if (s.n != sum.n || s.h != sum.h || s.w != sum.w) {
            char left[SHAPE_TEXT], right[SHAPE_TEXT];
            op_fault(g, n, "E312", "%s and %s cannot stand side by side: their maps differ",
                     shape_text(left, n->in[0]->shape), shape_text(right, s));
            diag_note(g->diag, n->in[0]->at, "%s comes from here", left);
            diag_note(g->diag, n->in[i]->at, "%s comes from here", right);
            return false;
        }
        if (!size_add(sum.c, s.c, &sum.c))
            break;                                   // 0 channels: graph_infer reports it
    }
    n->shape = sum;
    return true;
}

static void concat_grad(Graph *g, Node *n, Node *dy) { runs_grad_concat(g, n, dy, &channels); }

const OpInfo op_concat = {
    .name = "concat", .least_inputs = 1, .most_inputs = -1, .traits = OP_VIEW,
    .infer = concat_infer, .grad = concat_grad, .cost = no_cost,
};

static bool slice_infer(Graph *g, Node *n) { return runs_infer_slice(g, n, &channels); }
static void slice_grad(Graph *g, Node *n, Node *dy) { runs_grad_slice(g, n, dy, &channels); }

static void slice_print(const Node *n, FILE *out)
{
    fprintf(out, "%lld..%lld", (long long)n->attr.slice.first,
            (long long)(n->attr.slice.first + n->attr.slice.count - 1));
}

const OpInfo op_slice = {
    .name = "slice", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = slice_infer, .grad = slice_grad, .cost = no_cost, .print = slice_print,
};

static bool embed_infer(Graph *g, Node *n) { return runs_infer_embed(g, n, &channels); }

static void embed_print(const Node *n, FILE *out)
{
    fprintf(out, "at %lld", (long long)n->attr.slice.first);
}

const OpInfo op_embed = {
    .name = "embed", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = embed_infer, .cost = no_cost, .print = embed_print,
};

// Marks of a split: `all` says that every part sees every part, `join` that a region ends.
// pass_place turns them into copies and concatenations.
const OpInfo op_all = {
    .name = "all", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = infer_like_input, .grad = grad_unchanged, .cost = no_cost,
};

const OpInfo op_join = {
    .name = "join", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = infer_like_input, .grad = grad_unchanged, .cost = no_cost,
};
