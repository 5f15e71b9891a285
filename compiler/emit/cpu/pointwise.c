// Heads for kernels/cpu/pointwise.c: chains of pointwise nodes in any layout.
#include "emit/cpu/bodies.h"

enum { ITEM_ELEMENTS = 16 * 1024 };    // so much work makes handing out an item worth it

bool pointwise_takes(const Emit *e, const Group *g)
{
    (void)e;
    (void)g;
    return true;
}

// Images, or of a sum of weight gradients blocks of V filters.
static int64_t item_count(const Node *n)
{
    const Layout *l = &n->layout;
    return layout_is_weights(l) ? layout_blocks(&l->pieces_out, n->shape.n, l->vector) : n->shape.n;
}

// Values in the order that they are wanted in, rounded by an epilogue that does nothing else.
bool relayout_round_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Layout *x = &g->root->in[0]->layout, *y = &g->root->layout;
    return g->root->op == OP_RELAYOUT && y->element == ELEMENT_TF32 && x->element == ELEMENT_FLOAT;
}

bool relayout_round_emit(Emit *e, Kern *k) { return pointwise_emit(e, k); }

bool pointwise_emit(Emit *e, Kern *k)
{
    const Group *g = k->group;
    const Node *in = g->nodes[0]->in[0], *out = g->nodes[g->count - 1];
    Lanes lanes = layout_lanes(&out->layout);
    int64_t rows = layout_rows(&out->layout, out->shape);
    int64_t per_item = 1 + (ITEM_ELEMENTS - 1) / out->shape.n;
    int x = kern_read(k, in);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    bool by_image = lanes != LANES_IMAGES;
    k->item_kind = g->per_image ? ITEMS_IMAGES : ITEMS_JOBS;
    k->items = by_image ? item_count(out) : (rows + per_item - 1) / per_item;
    k->bytes = (int64_t)sizeof(float) * shape_count(out->shape) * k->arg_count;
    k->reason = "one pass over memory for the whole chain";
    head_open(e, k, by_image ? "one image" : "some rows of features, all images");
    if (lanes == LANES_ONE)
        head_scalar(e);
    head_constant(e, "BY_IMAGE", by_image);
    head_constant(e, "N", out->shape.n);
    head_constant(e, "ROWS", rows);
    head_constant(e, "ROWS_PER_ITEM", per_item);
    bool is_map = out->layout.kind == LAYOUT_BLOCKED || out->layout.kind == LAYOUT_PLAIN;
    head_constant(e, "H", is_map ? out->shape.h : 1);
    head_constant(e, "W", is_map ? out->shape.w : 1);
    head_constant(e, "X", x);
    head_constant(e, "Y", y);
    head_address(e, "AT_X", in);
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, lanes) && head_body(e, "cpu/pointwise.c");
}
