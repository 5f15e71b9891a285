// Questions that the heads of map kernels share.
#include "emit/cpu/maps.h"

void map_items(Kern *k, const Node *n)
{
    k->item_kind = k->group->per_image ? ITEMS_IMAGES : ITEMS_JOBS;
    k->items = n->shape.n;
    k->bytes = map_bytes(k);
}

int64_t map_bytes(const Kern *k)
{
    int64_t bytes = 0;
    for (int i = 0; i < k->arg_count; i++)
        if (k->is_places[i])
            bytes += shape_count(k->args[i]->shape);
        else if (!k->is_state[i])
            bytes += node_bytes(k->args[i]);
    return bytes;
}

void map_window(Emit *e, const Window *w, Shape in, Shape out)
{
    head_constant(e, "H", in.h);
    head_constant(e, "W", in.w);
    head_constant(e, "OUT_H", out.h);
    head_constant(e, "OUT_W", out.w);
    head_constant(e, "KERNEL_H", w->kernel_h);
    head_constant(e, "KERNEL_W", w->kernel_w);
    head_constant(e, "STRIDE_H", w->stride_h);
    head_constant(e, "STRIDE_W", w->stride_w);
    head_constant(e, "PAD_TOP", w->pad_top);
    head_constant(e, "PAD_LEFT", w->pad_left);
}

bool blocks_are_runs(const Layout *l)
{
    for (int i = 0; i + 1 < l->pieces.count; i++)
        if (l->pieces.channels[i] % l->vector)
            return false;
    return true;
}

int64_t map_blocks(const Node *n)
{
    return layout_blocks(&n->layout.pieces, n->shape.c, n->layout.vector);
}
