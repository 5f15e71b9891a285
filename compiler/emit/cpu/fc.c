// Fully connected layers: forward, input gradient, weight gradient stored or applied at once. In: a
// group rooted at fc, fc_dx or fc_dw; out: the heads above the bodies fc*.c.
#include "emit/cpu/contraction.h"
#include "emit/cpu/tiles.h"
#include <stdlib.h>

enum {
    ITEMS_LEAST = 16,              // fewer would leave threads without work
    ITEM_FEATURES = 256,           // of one item of a gradient: what stays in the second cache
    FEATURE_CHUNK = 512,           // forward: features between two visits of a tile of sums
    OUTPUT_CHUNK = 96,             // input gradient: the same in outputs
};

// True if the rows of x (COLUMNS) stand in the order of the features of w (DENSE).
static bool features_line_up(const Node *x, const Node *w)
{
    const Layout *l = &x->layout;
    Shape s = x->shape;
    int64_t columns = size_round_up(s.n, l->vector), area = s.h * s.w;
    if (shape_item(s) != w->shape.c * w->shape.h * w->shape.w || w->shape.h * w->shape.w != 1)
        return false;
    for (int64_t f = 0; f < shape_item(s); f++)
        if (layout_address(l, s, 0, f / area, f / s.w % s.h, f % s.w) / columns
            != layout_address(&w->layout, w->shape, 0, f, 0, 0) / l->vector)
            return false;
    return layout_rows(l, s) * l->vector == layout_item(&w->layout, w->shape) * l->vector;
}

// True if the outputs of y (PANEL or COLUMNS) are the rows of w (DENSE), block by block.
static bool outputs_line_up(const Node *y, const Node *w)
{
    return y->layout.in_h <= 1 && y->layout.in_w <= 1 && y->shape.h * y->shape.w == 1
           && y->shape.c == w->shape.n
           && filters_line_up(&w->layout.pieces_out, &y->layout.pieces, w->shape.n, 1, w->layout.vector);
}

static bool has_kind(const Node *n, LayoutKind kind) { return n->layout.kind == kind; }

static int64_t out_blocks(const Node *w)
{
    return layout_blocks(&w->layout.pieces_out, w->shape.n, w->layout.vector);
}

// Constants of all four: sizes of the batch, of the features, of the weights.
static void print_sizes(Emit *e, const Node *x, const Node *w)
{
    int64_t features = layout_item(&w->layout, w->shape);
    head_constant(e, "IMAGES", x->shape.n);
    head_constant(e, "COLUMNS", size_round_up(x->shape.n, w->layout.vector));
    head_constant(e, "FEATURES", features);
    head_constant(e, "OUT_BLOCKS", out_blocks(w));
    head_constant(e, "W_OUT", features * w->layout.vector);
    head_constant(e, "Y_BLOCK", x->shape.n * w->layout.vector);
}

static const char *tile_reason(const Emit *e, const char *what, int width, const TileChoice *c)
{
    return arena_printf(e->arena, "%s: tiles of %d x %d vectors fill %.0f %% of the multiply-add slots",
                        what, width, c->blocks, 100 * c->efficiency);
}

// --- forward ------------------------------------------------------------------------------------

bool fc_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root, *y = group_result(g);
    return n->op == OP_FC && has_kind(n->in[0], LAYOUT_COLUMNS) && has_kind(n->in[1], LAYOUT_DENSE)
           && has_kind(y, LAYOUT_PANEL) && features_line_up(n->in[0], n->in[1])
           && outputs_line_up(y, n->in[1]);
}

static bool print_run(Emit *e, TileSet *set, const char *name, int64_t images, int most, int blocks)
{
    Cut cut = cut_evenly(images, most);
    if (!tiles_add_cut(e, set, "cpu/fc_tile.c", "NUMBERS", &cut, blocks))
        return false;
    tiles_print_cut(e, &cut, blocks);
    head_define(e, "RUN_BLOCKS", "%s", name);
    return head_body(e, "cpu/fc_run.c");
}

bool fc_emit(Emit *e, Kern *k)
{
    const Node *x = k->group->root->in[0], *w = k->group->root->in[1], *y = group_result(k->group);
    int64_t blocks = out_blocks(w), images = x->shape.n;
    TileChoice tile = choose_tiles(e->target, &images, 1, blocks);
    int64_t runs = (blocks + tile.blocks - 1) / tile.blocks;
    int64_t item_runs = runs / ITEMS_LEAST < 1 ? 1 : runs / ITEMS_LEAST > 4 ? 4 : runs / ITEMS_LEAST;
    k->item_kind = ITEMS_JOBS;
    k->items = (runs + item_runs - 1) / item_runs;
    k->bytes = node_bytes(x) + node_bytes(w) + node_bytes(y);
    k->reason = tile_reason(e, "images x outputs", cut_evenly(images, tile.most).wide, &tile);
    contraction_open(e, k, "some blocks of outputs for all images");
    head_address(e, "X", x);
    head_address(e, "Y", y);
    if (!contraction_epilogue(e, k, LANES_CHANNELS))
        return false;
    print_sizes(e, x, w);
    head_constant(e, "TILE_BLOCKS", tile.blocks);
    head_constant(e, "ITEM_BLOCKS", item_runs * tile.blocks);
    head_constant(e, "CHUNK", FEATURE_CHUNK);
    TileSet set = { 0 };
    if (!print_run(e, &set, "OWN(run_main)", images, tile.most, tile.blocks))
        return false;
    head_define(e, "RUN_MAIN", "OWN(run_main)");
    head_define(e, "RUN_REST", "OWN(run_%s)", tile.rest_blocks ? "rest" : "main");
    if (tile.rest_blocks
        && !print_run(e, &set, "OWN(run_rest)", images, tile.rest_most, tile.rest_blocks))
        return false;
    return head_body(e, "cpu/fc.c");
}

// --- gradients: tiles of features x vectors -----------------------------------------------------

typedef struct {
    Cut        cut;                // of the features
    TileChoice tile;
    int64_t    vectors, tiles, item_tiles;
} FeatureTiles;

static FeatureTiles cut_features(const Emit *e, int64_t features, int64_t vectors)
{
    FeatureTiles f = { .tile = choose_tiles(e->target, &features, 1, vectors), .vectors = vectors };
    // One width for both numbers of vectors: narrow tiles of more vectors cost less than two sets.
    f.cut = cut_evenly(features, f.tile.most);
    f.tiles = f.cut.wide_tiles + f.cut.narrow_tiles;
    f.item_tiles = (ITEM_FEATURES + f.cut.wide - 1) / f.cut.wide;
    if (f.item_tiles > f.tiles / ITEMS_LEAST)
        f.item_tiles = f.tiles / ITEMS_LEAST < 1 ? 1 : f.tiles / ITEMS_LEAST;
    return f;
}

static void print_feature_tiles(Emit *e, const FeatureTiles *f)
{
    head_constant(e, "ALL_TILES", f->tiles);
    head_constant(e, "TILE_COUNT", f->item_tiles);
    head_constant(e, "WIDE_TILES", f->cut.wide_tiles);
    head_function(e, "long", "TILE_FEATURE", "long tile");
    fprintf(e->text, "    return tile * %d - (tile > WIDE_TILES ? tile - WIDE_TILES : 0);\n}\n",
            f->cut.wide);
}

// Tiles of both widths for `blocks` vectors, and their entry of list `name`.
static bool print_entry(Emit *e, TileSet *set, const FeatureTiles *f, const char *file, int64_t first,
                        int64_t groups, int blocks, FILE *list)
{
    int narrow = f->cut.narrow_tiles ? f->cut.narrow : f->cut.wide;
    fprintf(list, " X(OWN(tile%dx%d), OWN(tile%dx%d), %lld, %lld, %d)", f->cut.wide, blocks, narrow,
            blocks, (long long)first, (long long)groups, blocks);
    return tiles_add_cut(e, set, file, "NUMBERS", &f->cut, blocks);
}

static bool print_entries(Emit *e, const FeatureTiles *f, const char *file, const char *name)
{
    char *text;
    size_t size;
    FILE *list = open_memstream(&text, &size);
    TileSet set = { 0 };
    int64_t groups = f->vectors / f->tile.blocks;
    bool done = print_entry(e, &set, f, file, 0, groups, f->tile.blocks, list)
                && (!f->tile.rest_blocks
                    || print_entry(e, &set, f, file, groups * f->tile.blocks, 1, f->tile.rest_blocks,
                                   list));
    fclose(list);
    head_define(e, name, "%s", text);
    free(text);
    return done;
}

// --- input gradient -----------------------------------------------------------------------------

bool fc_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root, *dx = group_result(g);
    return n->op == OP_FC_DX && has_kind(n->in[0], LAYOUT_COLUMNS) && has_kind(n->in[1], LAYOUT_DENSE)
           && has_kind(dx, LAYOUT_COLUMNS) && features_line_up(dx, n->in[1])
           && outputs_line_up(n->in[0], n->in[1]);
}

bool fc_dx_emit(Emit *e, Kern *k)
{
    const Node *dy = k->group->root->in[0], *w = k->group->root->in[1], *dx = group_result(k->group);
    int64_t columns = size_round_up(dy->shape.n, w->layout.vector);
    FeatureTiles f = cut_features(e, layout_item(&w->layout, w->shape), columns / w->layout.vector);
    k->item_kind = ITEMS_JOBS;
    k->items = (f.tiles + f.item_tiles - 1) / f.item_tiles;
    k->bytes = node_bytes(dy) + node_bytes(w) + node_bytes(dx);
    k->reason = tile_reason(e, "features x images", f.cut.wide, &f.tile);
    contraction_open(e, k, "some tiles of features for all images");
    if (!contraction_epilogue(e, k, LANES_IMAGES))
        return false;
    print_sizes(e, dy, w);
    head_constant(e, "CHUNK", OUTPUT_CHUNK / w->layout.vector);
    print_feature_tiles(e, &f);
    return print_entries(e, &f, "cpu/fc_dx_tile.c", "VECTORS(X)") && head_body(e, "cpu/fc_dx.c");
}

// --- weight gradient ----------------------------------------------------------------------------

static bool takes_weights(const Node *n)
{
    return n->op == OP_FC_DW && has_kind(n->in[0], LAYOUT_COLUMNS) && has_kind(n->in[1], LAYOUT_PANEL)
           && has_kind(n, LAYOUT_DENSE) && features_line_up(n->in[0], n)
           && outputs_line_up(n->in[1], n);
}

static bool emit_weights(Emit *e, Kern *k, const char *put)
{
    const Node *n = k->group->root;
    FeatureTiles f = cut_features(e, layout_item(&n->layout, n->shape), out_blocks(n));
    k->reason = tile_reason(e, "features x outputs, summed over the images", f.cut.wide, &f.tile);
    print_sizes(e, n->in[0], n);
    print_feature_tiles(e, &f);
    return head_body(e, put) && print_entries(e, &f, "cpu/fc_dw_tile.c", "OUTPUTS(X)")
           && head_body(e, "cpu/fc_dw.c");
}

static void count_weights(const Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    FeatureTiles f = cut_features(e, layout_item(&n->layout, n->shape), out_blocks(n));
    k->item_kind = ITEMS_JOBS;
    k->items = (f.tiles + f.item_tiles - 1) / f.item_tiles;
    k->bytes = node_bytes(n->in[0]) + node_bytes(n->in[1]) + node_bytes(n);
}

bool fc_dw_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes_weights(g->root);
}

bool fc_dw_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    count_weights(e, k);
    int x = kern_read(k, n->in[0]), dy = kern_read(k, n->in[1]), dw = kern_write(k, n);
    head_open(e, k, "some tiles of features with all outputs");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_W", dw);
    head_constant(e, "ARG_V", dw);
    head_constant(e, "IS_UPDATE", 0);
    return emit_weights(e, k, "cpu/fc_dw_store.c");
}

bool fc_update_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->count == 2 && takes_weights(g->root) && g->nodes[1]->op == OP_SGD
           && layout_equal(&g->root->layout, &g->nodes[1]->in[0]->layout);
}

bool fc_update_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *sgd = k->group->nodes[1];
    count_weights(e, k);
    k->bytes += 3 * node_bytes(n);                   // weights and velocity are read and written
    int x = kern_read(k, n->in[0]), dy = kern_read(k, n->in[1]), state = kern_read_state(k);
    int w = kern_write_param(k, sgd->in[0]), v = kern_write_velocity(k, sgd->in[0]);
    head_open(e, k, "some tiles of features with all outputs");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_STATE", state);
    head_constant(e, "ARG_W", w);
    head_constant(e, "ARG_V", v);
    head_constant(e, "IS_UPDATE", 1);
    head_constant(e, "PARAM", sgd->attr.update.param);
    head_constant(e, "RULE", sgd->attr.update.rule);
    return emit_weights(e, k, "cpu/fc_dw_update.c");
}
