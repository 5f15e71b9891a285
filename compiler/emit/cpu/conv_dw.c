// Weight gradients of convolutions. In: a group of pattern WEIGHTS (conv_dw alone); out: the head
// above conv_dw_tile.c, conv_dw_job.c, conv_dw.c.
#include "emit/cpu/contraction.h"
#include "emit/cpu/tiles.h"

enum {
    JOBS_LEAST = 16,               // fewer would leave threads without work
    CHUNK_BYTES = 64 << 10,        // of output gradient that stay in the second cache
};

typedef struct {
    const Node *x, *dy, *dw;
    Window window;
    int64_t in_blocks, out_blocks; // of one group
    int groups, lanes;             // lanes: input channels that stand side by side
    int64_t run, runs;             // numbers that follow each other in a row of taps, such runs a row
} ConvDw;

static ConvDw describe(const Group *g)
{
    const Node *n = g->root;
    ConvDw c = { .x = n->in[0], .dy = n->in[1], .dw = n, .window = n->attr.conv.window,
                 .groups = n->attr.conv.groups < 1 ? 1 : n->attr.conv.groups };
    bool plain = c.x->layout.kind == LAYOUT_PLAIN;
    int vector = n->layout.vector;
    c.lanes = plain ? 1 : vector;
    c.in_blocks = plain ? c.x->shape.c : layout_blocks(&n->layout.pieces, n->shape.c, vector);
    c.out_blocks = layout_blocks(&c.dy->layout.pieces, c.dy->shape.c, vector) / c.groups;
    // Without dilation the taps of a row read numbers that follow each other.
    c.runs = c.window.dilation_w == 1 ? 1 : n->shape.w;
    c.run = (c.window.dilation_w == 1 ? n->shape.w : 1) * c.lanes;
    return c;
}

static bool halo_is_enough(const ConvDw *c)
{
    const Window *w = &c->window;
    const Layout *l = &c->x->layout;
    int64_t last_y = (c->dy->shape.h - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h;
    int64_t last_x = (c->dy->shape.w - 1) * w->stride_w + (w->kernel_w - 1) * w->dilation_w;
    return w->pad_top <= l->top && w->pad_left <= l->left
           && last_y - w->pad_top <= c->x->shape.h - 1 + l->bottom
           && last_x - w->pad_left <= c->x->shape.w - 1 + l->right;
}

bool conv_dw_takes(const Emit *e, const Group *g)
{
    (void)e;
    ConvDw c = describe(g);
    const Layout *w = &c.dw->layout;
    bool inputs = c.lanes == 1 ? w->kind == LAYOUT_FILTERS_IN && c.groups == 1
                               : w->kind == LAYOUT_FILTERS && c.x->layout.kind == LAYOUT_BLOCKED
                                 && groups_line_up(&c.x->layout.pieces, c.groups, &w->pieces,
                                                   c.dw->shape.c, w->vector);
    return inputs && c.dy->layout.kind == LAYOUT_BLOCKED && halo_is_enough(&c)
           && filters_line_up(&w->pieces_out, &c.dy->layout.pieces, c.dw->shape.n, c.groups, w->vector);
}

// --- the head -----------------------------------------------------------------------------------

static void print_constants(Emit *e, const ConvDw *c)
{
    const Layout *x = &c->x->layout, *y = &c->dy->layout;
    Shape xs = c->x->shape, ys = c->dy->shape, ws = c->dw->shape;
    int64_t x_row = (x->left + xs.w + x->right) * c->lanes;
    int64_t y_row = (y->left + ys.w + y->right) * y->vector;
    int64_t w_row = ws.w * c->lanes * y->vector;
    head_constant(e, "IMAGES", xs.n);
    head_constant(e, "IN_BLOCKS", c->in_blocks);
    head_constant(e, "GROUP_BLOCKS", c->out_blocks);
    head_constant(e, "OUT_H", ys.h);
    head_constant(e, "OUT_W", ys.w);
    head_constant(e, "KERNEL_H", ws.h);
    head_constant(e, "STRIDE_H", c->window.stride_h);
    head_constant(e, "DILATION_H", c->window.dilation_h);
    head_constant(e, "DILATION_W", c->window.dilation_w);
    head_constant(e, "PAD_TOP", c->window.pad_top);
    head_constant(e, "PAD_LEFT", c->window.pad_left);
    head_constant(e, "RUN", c->run);
    head_constant(e, "RUNS", c->runs);
    head_constant(e, "X_STEP", c->window.stride_h * x_row);
    head_constant(e, "X_PIXEL", c->window.stride_w * c->lanes);
    head_constant(e, "Y_ROW", y_row);
    head_constant(e, "Y_BLOCK", (y->top + ys.h + y->bottom) * y_row);
    head_constant(e, "W_ROW", w_row);
    head_constant(e, "W_BLOCK", ws.h * w_row);
    head_constant(e, "W_OUT", c->in_blocks * ws.h * w_row);
}

static bool print_job(Emit *e, const ConvDw *c, TileSet *set, const char *job, int most, int blocks)
{
    Cut cut = cut_evenly(c->run, most);
    if (!tiles_add_cut(e, set, "cpu/conv_dw_tile.c", "NUMBERS", &cut, blocks))
        return false;
    tiles_print_cut(e, &cut, blocks);
    head_define(e, "JOB", "%s", job);
    head_constant(e, "BLOCK_COUNT", blocks);
    int64_t row_bytes = 4 * blocks * c->dy->shape.w * c->dy->layout.vector;
    head_constant(e, "CHUNK", row_bytes > CHUNK_BYTES ? 1 : CHUNK_BYTES / row_bytes);
    return head_body(e, "cpu/conv_dw_job.c");
}

bool conv_dw_emit(Emit *e, Kern *k)
{
    ConvDw c = describe(k->group);
    TileChoice tile = choose_tiles(e->target, &c.run, 1, c.out_blocks);
    int64_t block_runs = (c.out_blocks + tile.blocks - 1) / tile.blocks;
    int64_t splits = (JOBS_LEAST + c.groups * block_runs - 1) / (c.groups * block_runs);
    splits = splits > c.in_blocks ? c.in_blocks : splits;
    k->item_kind = ITEMS_JOBS;
    k->items = c.groups * block_runs * splits;
    k->bytes = node_bytes(c.x) + node_bytes(c.dy) + node_bytes(c.dw);
    k->reason = arena_printf(e->arena, "sums of %d inputs x %d blocks of %d outputs in registers over "
                             "all pixels (%.0f %% of the multiply-add slots)",
                             cut_evenly(c.run, tile.most).wide, tile.blocks, e->target->vector,
                             100 * tile.efficiency);
    int x = kern_read(k, c.x), dy = kern_read(k, c.dy), dw = kern_write(k, c.dw);
    head_open(e, k, "a run of output channels with all images");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_DW", dw);
    head_address(e, "X", c.x);
    head_address(e, "Y", c.dy);
    print_constants(e, &c);
    TileSet set = { 0 };
    if (!print_job(e, &c, &set, "OWN(job_main)", tile.most, tile.blocks))
        return false;
    head_define(e, "JOB_MAIN", "OWN(job_main)");
    head_define(e, "JOB_REST", "OWN(job_%s)", tile.rest_blocks ? "rest" : "main");
    if (tile.rest_blocks
        && !print_job(e, &c, &set, "OWN(job_rest)", tile.rest_most, tile.rest_blocks))
        return false;
    head_constant(e, "TILE_BLOCKS", tile.blocks);
    head_constant(e, "BLOCK_RUNS", block_runs);
    head_constant(e, "SPLITS", splits);
    return head_body(e, "cpu/conv_dw.c");
}
