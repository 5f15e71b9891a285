// Runs of images: some of a batch, several side by side, and the gradient of the first. They cost
// nothing where images stand one behind the other in memory.
#include "ops/ops.h"

static const Runs images = { .of_images = true, .what = "images", .code = "E317", .slice = OP_BATCH_SLICE,
                             .embed = OP_BATCH_EMBED };

static OpCost no_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

static void images_print(const Node *n, FILE *out)
{
    fprintf(out, "images %lld..%lld", (long long)n->attr.slice.first,
            (long long)(n->attr.slice.first + n->attr.slice.count - 1));
}

static bool slice_infer(Graph *g, Node *n) { return runs_infer_slice(g, n, &images); }
static void slice_grad(Graph *g, Node *n, Node *dy) { runs_grad_slice(g, n, dy, &images); }

const OpInfo op_batch_slice = {
    .name = "batch_slice", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = slice_infer, .grad = slice_grad, .cost = no_cost, .print = images_print,
};

static bool embed_infer(Graph *g, Node *n) { return runs_infer_embed(g, n, &images); }

static void embed_print(const Node *n, FILE *out)
{
    fprintf(out, "at image %lld", (long long)n->attr.slice.first);
}

const OpInfo op_batch_embed = {
    .name = "batch_embed", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = embed_infer, .cost = no_cost, .print = embed_print,
};

static bool concat_infer(Graph *g, Node *n)
{
    Shape sum = n->in[0]->shape;
    for (int i = 1; i < n->inputs; i++) {
        Shape s = n->in[i]->shape;
        if (s.c != sum.c || s.h != sum.h || s.w != sum.w) {
            char left[SHAPE_TEXT], right[SHAPE_TEXT];
            return op_fault(g, n, "E317", "images of %s and of %s are not one batch",
                            shape_text(left, sum), shape_text(right, s));
        }
        if (!size_add(sum.n, s.n, &sum.n))
            break;                                   // 0 images: graph_infer reports it
    }
    n->shape = sum;
    return true;
}

static void concat_grad(Graph *g, Node *n, Node *dy) { runs_grad_concat(g, n, dy, &images); }

const OpInfo op_batch_concat = {
    .name = "batch_concat", .least_inputs = 1, .most_inputs = -1, .traits = OP_VIEW,
    .infer = concat_infer, .grad = concat_grad, .cost = no_cost,
};
