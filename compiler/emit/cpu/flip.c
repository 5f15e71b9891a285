// Weights rotated and transposed for input gradients. In: a group whose root is FLIP; out: the head
// above flip.c.
#include "emit/cpu/contraction.h"

static bool same_pieces(const Pieces *a, const Pieces *b, int64_t channels, int vector)
{
    for (int64_t c = 0; c < channels; c++)
        if (layout_channel(a, c, vector) != layout_channel(b, c, vector))
            return false;
    return layout_blocks(a, channels, vector) == layout_blocks(b, channels, vector);
}

bool flip_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    if (n->op != OP_FLIP || g->count != 1)
        return false;
    const Layout *w = &n->in[0]->layout, *y = &n->layout;
    Shape ws = n->in[0]->shape;
    int groups = n->attr.conv.groups < 1 ? 1 : n->attr.conv.groups, v = w->vector;
    if (w->kind != LAYOUT_FILTERS || y->kind != LAYOUT_FILTERS)
        return false;
    if (groups > 1)
        return ws.n / groups % v == 0 && ws.c % v == 0 && w->pieces.count < 2
               && w->pieces_out.count < 2 && y->pieces.count < 2 && y->pieces_out.count < 2;
    return same_pieces(&w->pieces, &y->pieces_out, ws.c, v)
           && same_pieces(&w->pieces_out, &y->pieces, ws.n, v);
}

bool flip_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *w = n->in[0];
    int groups = n->attr.conv.groups < 1 ? 1 : n->attr.conv.groups, v = w->layout.vector;
    int64_t in_blocks = layout_blocks(&w->layout.pieces, w->shape.c, v);
    k->item_kind = ITEMS_JOBS;
    k->items = groups * in_blocks;
    k->bytes = 2 * node_bytes(w);
    k->reason = "an input gradient is a convolution with these weights";
    int from = kern_read(k, w), to = kern_write(k, n);
    head_open(e, k, "the filters of a block of input channels");
    head_constant(e, "ARG_W", from);
    head_constant(e, "ARG_Y", to);
    head_constant(e, "IN_BLOCKS", in_blocks);
    head_constant(e, "OUT_BLOCKS", layout_blocks(&w->layout.pieces_out, w->shape.n, v) / groups);
    head_constant(e, "TAPS", w->shape.h * w->shape.w);
    return head_body(e, "cpu/flip.c");
}
