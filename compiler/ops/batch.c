// Runs of images: some of a batch, several side by side, and the gradient of the first. They cost
// nothing where images stand one behind the other in memory.
#include "ops/ops.h"

static OpCost no_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

// Are `count` images from `first` on among `images`?
static bool check_range(Graph *g, const Node *n, int64_t first, int64_t count, int64_t images)
{
    int64_t end;
    if (first >= 0 && count >= 1 && size_add(first, count, &end) && end <= images)
        return true;
    return op_fault(g, n, "E317", "%lld images from %lld on are not all among %lld",
                    (long long)count, (long long)first, (long long)images);
}

static void images_print(const Node *n, FILE *out)
{
    fprintf(out, "images %lld..%lld", (long long)n->attr.slice.first,
            (long long)(n->attr.slice.first + n->attr.slice.count - 1));
}

static bool slice_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape;
    const SliceAttr *a = &n->attr.slice;
    if (!check_range(g, n, a->first, a->count, x.n))
        return false;
    n->shape = (Shape){ a->count, x.c, x.h, x.w };
    return true;
}

static void slice_grad(Graph *g, Node *n, Node *dy)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, OP_BATCH_EMBED, "dx", n, 1, &dy);
    dx->attr.slice = (SliceAttr){ n->attr.slice.first, n->in[0]->shape.n };
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

const OpInfo op_batch_slice = {
    .name = "batch_slice", .least_inputs = 1, .most_inputs = 1, .traits = OP_VIEW,
    .infer = slice_infer, .grad = slice_grad, .cost = no_cost, .print = images_print,
};

static bool embed_infer(Graph *g, Node *n)
{
    Shape x = n->in[0]->shape;
    const SliceAttr *a = &n->attr.slice;
    if (!check_range(g, n, a->first, x.n, a->count))
        return false;
    n->shape = (Shape){ a->count, x.c, x.h, x.w };
    return true;
}

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

static void concat_grad(Graph *g, Node *n, Node *dy)
{
    int64_t first = 0;
    for (int i = 0; i < n->inputs; i++) {
        int64_t images = n->in[i]->shape.n;
        if (gradient_wanted(g, n->in[i])) {
            Node *dx = gradient_node(g, OP_BATCH_SLICE, "dx", n, 1, &dy);
            dx->attr.slice = (SliceAttr){ first, images };
            graph_infer(g, dx);
            gradient_add(g, n->in[i], dx);
        }
        first += images;
    }
}

const OpInfo op_batch_concat = {
    .name = "batch_concat", .least_inputs = 1, .most_inputs = -1, .traits = OP_VIEW,
    .infer = concat_infer, .grad = concat_grad, .cost = no_cost,
};
