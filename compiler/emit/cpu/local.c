// Locally connected layers: forward, input gradient, weight gradient. In: a group of pattern LOCAL or
// LOCAL_WEIGHTS; out: the heads above local*.c.
#include "emit/cpu/contraction.h"
#include "emit/cpu/tiles.h"

// What all three read: the map that filters move over, what they make of it, and the weights.
typedef struct { const Node *root, *x, *w, *y; } Local;

static Local describe(const Group *g)
{
    const Node *n = g->root;
    switch (n->op) {
    case OP_LOCAL:    return (Local){ n, n->in[0], n->in[1], n };
    case OP_LOCAL_DX: return (Local){ n, n, n->in[1], n->in[0] };
    default:          return (Local){ n, n->in[0], n, n->in[1] };
    }
}

static int64_t blocks_of(const Node *map) { return layout_rows(&map->layout, map->shape); }

static bool takes(const Group *g)
{
    Local l = describe(g);
    const Layout *w = &l.w->layout;
    return l.root->attr.conv.groups == 1 && l.x->layout.kind == LAYOUT_BLOCKED
        && l.y->layout.kind == LAYOUT_BLOCKED && w->kind == LAYOUT_FILTERS_IN
        && filters_line_up(&w->pieces_out, &l.y->layout.pieces, l.y->shape.c, 1, w->vector);
}

// --- the head -----------------------------------------------------------------------------------

// `x_name` and `y_name`: what the body calls the addresses of the two maps.
static void print_constants(Emit *e, const Local *l, const Node *x, const char *x_name, const Node *y,
                            const char *y_name)
{
    const Window *w = &l->root->attr.conv.window;
    int64_t vector = l->w->layout.vector, taps = (int64_t)w->kernel_h * w->kernel_w;
    head_address(e, x_name, x);
    head_address(e, y_name, y);
    head_channel(e, "CHANNEL", x);
    head_lanes(e, "COUNT_OF", x, LANES_CHANNELS);
    head_constant(e, "IMAGES", l->x->shape.n);
    head_constant(e, "CHANNELS", l->x->shape.c);
    head_constant(e, "FILTERS", l->y->shape.c);
    head_constant(e, "IN_BLOCKS", blocks_of(l->x));
    head_constant(e, "OUT_BLOCKS", blocks_of(l->y));
    head_constant(e, "IN_H", l->x->shape.h);
    head_constant(e, "IN_W", l->x->shape.w);
    head_constant(e, "OUT_H", l->y->shape.h);
    head_constant(e, "OUT_W", l->y->shape.w);
    head_constant(e, "KERNEL_H", w->kernel_h);
    head_constant(e, "KERNEL_W", w->kernel_w);
    head_constant(e, "STRIDE_H", w->stride_h);
    head_constant(e, "STRIDE_W", w->stride_w);
    head_constant(e, "DILATION_H", w->dilation_h);
    head_constant(e, "DILATION_W", w->dilation_w);
    head_constant(e, "PAD_TOP", w->pad_top);
    head_constant(e, "PAD_LEFT", w->pad_left);
    head_constant(e, "W_CHANNEL", taps * vector);
    head_constant(e, "W_OUT", layout_item(&l->w->layout, l->w->shape) * vector);
    const struct { const char *name; const Node *map; } maps[] = { { x_name, x }, { y_name, y } };
    for (int i = 0; i < 2; i++) {
        head_define(e, arena_printf(e->arena, "%s_IMAGE", maps[i].name), "(%s(1, 0, 0, 0) - %s(0, 0, 0, 0))",
                    maps[i].name, maps[i].name);
        head_define(e, arena_printf(e->arena, "%s_BLOCK", maps[i].name), "(%s(0, 1, 0, 0) - %s(0, 0, 0, 0))",
                    maps[i].name, maps[i].name);
    }
}

typedef struct { const char *tile, *run, *body; } Files;

// Tiles of numbers (images, channels) x blocks of channels.
typedef struct { int64_t numbers, blocks; TileChoice choice; } Tiles;

static Tiles choose(const Emit *e, int64_t numbers, int64_t blocks)
{
    return (Tiles){ numbers, blocks, choose_tiles(e->target, &numbers, 1, blocks) };
}

static bool print_run(Emit *e, const Files *f, const Tiles *t, TileSet *set, const char *name, bool is_rest)
{
    int most = is_rest ? t->choice.rest_most : t->choice.most;
    int blocks = is_rest ? t->choice.rest_blocks : t->choice.blocks;
    Cut cut = cut_evenly(t->numbers, most);
    if (!tiles_add_cut(e, set, f->tile, "NUMBERS", &cut, blocks))
        return false;
    tiles_print_cut(e, &cut, blocks);
    head_define(e, "RUN_BLOCKS", "%s", name);
    head_constant(e, "BLOCK_COUNT", blocks);
    return head_body(e, f->run);
}

static bool print_bodies(Emit *e, const Files *f, const Tiles *t)
{
    TileSet set = { 0 };
    if (!print_run(e, f, t, &set, "OWN(run_main)", false))
        return false;
    head_define(e, "RUN_MAIN", "OWN(run_main)");
    head_define(e, "RUN_REST", "OWN(run_%s)", t->choice.rest_blocks ? "rest" : "main");
    if (t->choice.rest_blocks && !print_run(e, f, t, &set, "OWN(run_rest)", true))
        return false;
    head_constant(e, "TILE_BLOCKS", t->choice.blocks);
    return head_body(e, f->body);
}

// An item is a place of `by`.
static void describe_launch(Emit *e, Kern *k, const Local *l, const Node *by, const char *what,
                            const Tiles *t)
{
    k->item_kind = ITEMS_JOBS;
    k->items = by->shape.h * by->shape.w;
    k->bytes = node_bytes(l->x) + node_bytes(l->w) + node_bytes(l->y);
    k->reason = arena_printf(e->arena, "a place at a time: tiles of %d %s x %d blocks of %d channels fill "
                             "%.0f %% of the multiply-add slots",
                             cut_evenly(t->numbers, t->choice.most).wide, what, t->choice.blocks,
                             e->target->vector, 100 * t->choice.efficiency);
}

// --- the kernels --------------------------------------------------------------------------------

bool local_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->op == OP_LOCAL && takes(g);
}

bool local_emit(Emit *e, Kern *k)
{
    static const Files files = { "cpu/local_tile.c", "cpu/local_run.c", "cpu/local.c" };
    Local l = describe(k->group);
    const Node *y = group_result(k->group);
    Tiles t = choose(e, l.x->shape.n, blocks_of(l.y));
    describe_launch(e, k, &l, l.y, "images", &t);
    contraction_open(e, k, "a place of the map, all images");
    print_constants(e, &l, l.x, "X", y, "Y");
    return contraction_epilogue(e, k, LANES_CHANNELS) && print_bodies(e, &files, &t);
}

bool local_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->op == OP_LOCAL_DX && takes(g);
}

bool local_dx_emit(Emit *e, Kern *k)
{
    static const Files files = { "cpu/local_dx_tile.c", "cpu/local_dx_run.c", "cpu/local_dx.c" };
    Local l = describe(k->group);
    const Node *dx = group_result(k->group);
    const Window *w = &l.root->attr.conv.window;
    int64_t taps = (int64_t)w->kernel_h * w->kernel_w;
    Tiles t = choose(e, l.x->shape.n, blocks_of(l.x));
    describe_launch(e, k, &l, l.x, "images", &t);
    k->scratch = taps * (l.y->shape.c * blocks_of(l.x) * e->target->vector * 4 + (int64_t)sizeof(int64_t));
    contraction_open(e, k, "a pixel of the input, all images");
    print_constants(e, &l, dx, "DX", l.y, "DY");
    return contraction_epilogue(e, k, LANES_CHANNELS) && print_bodies(e, &files, &t);
}

bool local_dw_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes(g);
}

bool local_dw_emit(Emit *e, Kern *k)
{
    static const Files files = { "cpu/local_dw_tile.c", "cpu/local_dw_run.c", "cpu/local_dw.c" };
    Local l = describe(k->group);
    Tiles t = choose(e, l.w->layout.vector, blocks_of(l.y));
    describe_launch(e, k, &l, l.y, "input channels", &t);
    int x = kern_read(k, l.x), dy = kern_read(k, l.y), dw = kern_write(k, l.w);
    head_open(e, k, "the filters of a place");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_DW", dw);
    print_constants(e, &l, l.x, "X", l.y, "Y");
    return print_bodies(e, &files, &t);
}

// --- biases of places -----------------------------------------------------------------------------

bool place_sum_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->in[0]->layout.kind == LAYOUT_BLOCKED && g->root->layout.kind == LAYOUT_BLOCKED;
}

bool place_sum_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0];
    int ax = kern_read(k, x), ay = kern_write(k, n);
    k->item_kind = ITEMS_JOBS;
    k->items = blocks_of(x);
    k->bytes = node_bytes(x) + node_bytes(n);
    k->reason = "a block of channels each, in the order of the images";
    head_open(e, k, "a block of channels");
    head_constant(e, "N", x->shape.n);
    head_constant(e, "H", x->shape.h);
    head_constant(e, "W", x->shape.w);
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_Y", ay);
    head_address(e, "AT_X", x);
    head_address(e, "AT_Y", n);
    return head_body(e, "cpu/place_sum.c");
}
