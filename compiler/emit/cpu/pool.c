// Heads of max and mean pooling and of their gradients, alone or behind and before normalisation.
#include "emit/cpu/maps.h"

bool pool_is_max(const Node *n) { return n->op == OP_MAX_POOL || n->op == OP_MAX_POOL_DX; }

static bool is_gradient(const Node *n) { return n->op == OP_MAX_POOL_DX || n->op == OP_MEAN_POOL_DX; }

static bool is_blocked(const Node *n) { return n->layout.kind == LAYOUT_BLOCKED; }

static void places_address(Emit *e, const Node *pool)
{
    Layout l = pool->layout;
    l.top = l.left = l.bottom = l.right = 0;
    l.item_stride = 0;
    head_address_of(e, "AT_PLACES", &l, pool->shape);
}

bool pool_row(Emit *e, const Kern *k, const Node *pool, const Node *out)
{
    head_window(e, &pool->attr.pool.window, pool->in[0]->shape, pool->shape);
    head_constant(e, "BLOCKS", map_blocks(pool));
    head_constant(e, "IS_MAX", pool_is_max(pool));
    head_constant(e, "HAS_PLACES", pool->places != NULL);
    if (pool->places) {
        head_constant(e, "ARG_PLACES", kern_find_places(k, pool));
        places_address(e, pool);
    }
    head_constant(e, "ARG_Y", kern_find(k, out));
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cpu/pool_row.c");
}

int64_t pool_dx_span(const Node *dx)
{
    const Window *w = &dx->attr.pool.window;
    int64_t windows = (dx->in[0]->shape.w - 1) * w->stride_w + w->kernel_w;
    return windows > w->pad_left + dx->shape.w ? windows : w->pad_left + dx->shape.w;
}

bool pool_dx_row(Emit *e, const Kern *k, const Node *dx)
{
    const Node *dy = dx->in[0];
    head_window(e, &dx->attr.pool.window, dx->shape, dy->shape);
    head_constant(e, "BLOCKS", map_blocks(dx));
    head_constant(e, "IS_MAX", pool_is_max(dx));
    head_constant(e, "SPAN", pool_dx_span(dx));
    if (pool_is_max(dx)) {
        head_constant(e, "ARG_PLACES", kern_find_places(k, dx->forward));
        places_address(e, dx->forward);
    }
    head_constant(e, "ARG_DY", kern_find(k, dy));
    head_address(e, "AT_DY", dy);
    return head_body(e, "cpu/pool_dx_row.c");
}

// --- bodies -------------------------------------------------------------------------------------

bool pool_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return !is_gradient(n) && is_blocked(n) && is_blocked(n->in[0]);
}

bool pool_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *out = group_result(k->group);
    int x = kern_read(k, n->in[0]);
    kern_read_operands(k);
    if (n->places)
        kern_write_places(k, n);
    kern_write_outputs(k);
    map_items(k, n);
    k->reason = "one pass; windows overlap in the first cache";
    head_open(e, k, "one image");
    head_constant(e, "ARG_X", x);
    head_address(e, "AT_X", n->in[0]);
    return pool_row(e, k, n, out) && head_body(e, "cpu/pool.c");
}

bool pool_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return is_gradient(n) && is_blocked(n) && is_blocked(n->in[0]);
}

bool pool_dx_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *out = group_result(k->group);
    kern_read(k, n->in[0]);
    if (pool_is_max(n))
        kern_read_places(k, n->forward);
    kern_read_operands(k);
    kern_write_outputs(k);
    map_items(k, n);
    k->scratch = pool_dx_span(n) * n->layout.vector * (int64_t)sizeof(float);
    k->reason = "row by row: every gradient is written once";
    head_open(e, k, "one image");
    head_constant(e, "ARG_Y", kern_find(k, out));
    head_address(e, "AT_Y", out);
    return pool_dx_row(e, k, n) && head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, "cpu/pool_dx.c");
}
