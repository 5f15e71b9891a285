// Convolutions in blocked layouts, forward and input gradient: one text for both, because an input
// gradient is a convolution of the output gradient with the flipped weights, by residue classes of
// the stride. In: a group of pattern CONTRACTION; out: the head above conv_tile.c, conv_rows.c, conv.c.
#include "emit/axis.h"
#include "emit/cpu/contraction.h"
#include "emit/cpu/tiles.h"
#include <assert.h>
#include <inttypes.h>

typedef struct {
    const Node *x, *w, *out;       // input (or output gradient), weights (or FLIP), what is stored
    Axis rows, columns;
    int64_t in_blocks, out_blocks; // of one group
    int groups, lanes;             // lanes: input channels that stand side by side
} Conv;

static bool describe(Conv *c, const Group *g)
{
    const Node *n = g->root;
    const Window *w = &n->attr.conv.window;
    *c = (Conv){ .x = n->in[0], .w = n->in[1], .out = group_result(g),
                 .groups = n->attr.conv.groups < 1 ? 1 : n->attr.conv.groups };
    if (n->op == OP_CONV) {
        c->rows = axis_forward(w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, n->shape.h);
        c->columns = axis_forward(w->kernel_w, w->stride_w, w->dilation_w, w->pad_left, n->shape.w);
    } else if (n->op != OP_CONV_DX || n->in[1]->op != OP_FLIP
               || !axis_gradient(&c->rows, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top,
                                 n->shape.h)
               || !axis_gradient(&c->columns, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left,
                                 n->shape.w))
        return false;
    bool plain = c->x->layout.kind == LAYOUT_PLAIN;
    int vector = n->layout.vector;
    c->lanes = plain ? 1 : vector;
    c->in_blocks = plain ? c->x->shape.c : layout_blocks(&c->w->layout.pieces, c->w->shape.c, vector);
    c->out_blocks = layout_blocks(&n->layout.pieces, n->shape.c, vector) / c->groups;
    return true;
}

static bool halo_is_enough(const Conv *c)
{
    int64_t low, high;
    const Layout *l = &c->x->layout;
    axis_range(&c->rows, &low, &high);
    if (-low > l->top || high > c->x->shape.h - 1 + l->bottom)
        return false;
    axis_range(&c->columns, &low, &high);
    return -low <= l->left && high <= c->x->shape.w - 1 + l->right;
}

bool conv_takes(const Emit *e, const Group *g)
{
    Conv c;
    (void)e;
    if (!describe(&c, g) || c.out->layout.kind != LAYOUT_BLOCKED || !halo_is_enough(&c))
        return false;
    const Layout *w = &c.w->layout, *y = &c.out->layout;
    bool inputs = c.lanes == 1 ? w->kind == LAYOUT_FILTERS_IN && c.groups == 1
                               : w->kind == LAYOUT_FILTERS && c.x->layout.kind == LAYOUT_BLOCKED
                                 && groups_line_up(&c.x->layout.pieces, c.groups, &w->pieces,
                                                   c.w->shape.c, w->vector);
    return inputs && filters_line_up(&w->pieces_out, &y->pieces, g->root->shape.c, c.groups,
                                     w->vector);
}

// --- the head -----------------------------------------------------------------------------------

static void print_strides(Emit *e, const Conv *c)
{
    const Layout *x = &c->x->layout, *y = &c->out->layout;
    Shape xs = c->x->shape, ys = c->out->shape, ws = c->w->shape;
    int64_t v = y->vector, lanes = c->lanes;
    int64_t x_row = (x->left + xs.w + x->right) * lanes;
    int64_t w_column = lanes * v, w_row = ws.w * w_column;
    head_constant(e, "IN_BLOCKS", c->in_blocks);
    head_constant(e, "IN_LANES", lanes);
    head_constant(e, "GROUPS", c->groups);
    head_constant(e, "GROUP_BLOCKS", c->out_blocks);
    head_constant(e, "OUT_H", ys.h);
    head_constant(e, "OUT_W", ys.w);
    head_constant(e, "X_BLOCK", (x->top + xs.h + x->bottom) * x_row);
    head_constant(e, "X_TAP_ROW", c->rows.in_step * x_row);
    head_constant(e, "X_TAP_COLUMN", c->columns.in_step * lanes);
    head_constant(e, "X_PIXEL", c->columns.step * lanes);
    head_constant(e, "W_ROW", w_row);
    head_constant(e, "W_COLUMN", w_column);
    head_constant(e, "W_BLOCK", ws.h * w_row);
    head_constant(e, "W_OUT", c->in_blocks * ws.h * w_row);
    head_constant(e, "W_TAP_ROW", c->rows.tap_step * w_row);
    head_constant(e, "W_TAP_COLUMN", c->columns.tap_step * w_column);
    head_constant(e, "Y_BLOCK", (y->top + ys.h + y->bottom) * (y->left + ys.w + y->right) * v);
    head_constant(e, "Y_PIXEL", c->columns.classes * v);
    head_constant(e, "ROW_STRIDE", c->rows.classes);
    head_constant(e, "ROW_STEP", c->rows.step);
    head_constant(e, "COLUMN_CLASSES", c->columns.classes);
    head_constant(e, "COLUMN_STEP", c->columns.step);
}

static void print_row_classes(Emit *e, const Axis *a)
{
    head_list(e, "ROW_CLASSES(X)");
    for (int i = 0; i < a->classes; i++)
        fprintf(e->text, " X(%d, %d, %d, %lld)", i, a->at[i].taps, a->at[i].tap,
                (long long)a->at[i].start);
    fputc('\n', e->text);
}

// The TILES list of conv_rows.c: every class of columns, cut into tiles.
static void print_tiles(Emit *e, const Axis *a, int most, int blocks)
{
    head_list(e, "TILES(X)");
    for (int i = 0; i < a->classes; i++) {
        const AxisClass *c = &a->at[i];
        if (!c->outputs)
            continue;
        Cut cut = cut_evenly(c->outputs, most);
        int64_t first = 0;
        for (int wide = 1; wide >= 0; wide--) {
            int tiles = wide ? cut.wide_tiles : cut.narrow_tiles;
            int width = wide ? cut.wide : cut.narrow;
            if (tiles)
                fprintf(e->text, " \\\n    X(OWN(tile%dx%d), %d, %" PRId64 ", %d, %d, %d, %d, %" PRId64 ")",
                        width, blocks, i, first, tiles, width, c->taps, c->tap,
                        c->start + first * a->step);
            first += tiles * width;
        }
    }
    fputc('\n', e->text);
}

// The tiles of `blocks` output blocks and the function `rows` that covers an image with them.
static bool print_rows(Emit *e, const Conv *c, TileSet *set, const char *rows, int most, int blocks)
{
    for (int i = 0; i < c->columns.classes; i++) {
        if (!c->columns.at[i].outputs)
            continue;
        Cut cut = cut_evenly(c->columns.at[i].outputs, most);
        if (!tiles_add_cut(e, set, "cpu/conv_tile.c", "PIXELS", &cut, blocks))
            return false;
    }
    print_tiles(e, &c->columns, most, blocks);
    head_define(e, "ROWS", "%s", rows);
    head_define(e, "BLOCK_COUNT", "%d", blocks);
    return head_body(e, "cpu/conv_rows.c");
}

bool conv_emit(Emit *e, Kern *k)
{
    Conv c;
    describe(&c, k->group);
    int64_t lengths[AXIS_CLASSES];
    assert(c.columns.classes > 0);
    for (int i = 0; i < c.columns.classes; i++)
        lengths[i] = c.columns.at[i].outputs;
    TileChoice tile = choose_tiles(e->target, lengths, c.columns.classes, c.out_blocks);
    k->item_kind = ITEMS_IMAGES;
    k->items = c.out->shape.n;
    k->reason = arena_printf(e->arena, "direct convolution: tiles of %d pixels x %d blocks of %d "
                             "channels fill %.0f %% of the multiply-add slots",
                             cut_evenly(lengths[0], tile.most).wide, tile.blocks,
                             e->target->vector, 100 * tile.efficiency);
    k->bytes = node_bytes(c.x) + node_bytes(c.w) + node_bytes(c.out);
    contraction_open(e, k, "one image");
    head_address(e, "X", c.x);
    head_address(e, "Y", c.out);
    if (!contraction_epilogue(e, k, LANES_CHANNELS))
        return false;
    print_strides(e, &c);
    head_constant(e, "TILE_BLOCKS", tile.blocks);
    print_row_classes(e, &c.rows);
    TileSet set = { 0 };
    if (!head_body(e, "cpu/conv_finish.c")
        || !print_rows(e, &c, &set, "OWN(rows_main)", tile.most, tile.blocks))
        return false;
    head_define(e, "ROWS_MAIN", "OWN(rows_main)");
    head_define(e, "ROWS_REST", "OWN(rows_%s)", tile.rest_blocks ? "rest" : "main");
    if (tile.rest_blocks
        && !print_rows(e, &c, &set, "OWN(rows_rest)", tile.rest_most, tile.rest_blocks))
        return false;
    return head_body(e, "cpu/conv.c");
}
