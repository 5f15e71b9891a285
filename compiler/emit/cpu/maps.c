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

int64_t map_blocks(const Node *n)
{
    return layout_blocks(&n->layout.pieces, n->shape.c, n->layout.vector);
}
