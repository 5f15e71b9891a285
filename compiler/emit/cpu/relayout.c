// Heads of kernels that move values and compute nothing: other layouts, flattened maps,
// concatenations and slices that no view could do.
#include "emit/cpu/maps.h"
#include "emit/origin.h"
#include <inttypes.h>

static bool is_activation(const Node *n)
{
    LayoutKind k = n->layout.kind;
    return k == LAYOUT_PLAIN || k == LAYOUT_BLOCKED || k == LAYOUT_PANEL || k == LAYOUT_COLUMNS;
}

static bool is_flip(const Group *g) { return g->root->op == OP_FLIP; }

static void relayout_items(Kern *k, const Node *n)
{
    map_items(k, n);
    k->reason = "moves values, computes nothing";
}

// --- rows of V features -------------------------------------------------------------------------

typedef struct { int64_t channels, h, w; } Map;

// The map that a value is, or was before it was flattened.
static Map map_of(const Node *n)
{
    const Layout *l = &n->layout;
    Shape s = n->shape;
    bool is_feature = l->kind == LAYOUT_PANEL || l->kind == LAYOUT_COLUMNS;
    if (!is_feature || s.h * s.w > 1 || l->in_h < 1 || l->in_w < 1)
        return (Map){ s.c, s.h, s.w };
    return (Map){ s.c / ((int64_t)l->in_h * l->in_w), l->in_h, l->in_w };
}

static bool same_blocks(const Node *a, const Node *b, int64_t channels)
{
    int v = a->layout.vector;
    for (int64_t c = 0; c < channels; c++)
        if (layout_channel(&a->layout.pieces, c, v) != layout_channel(&b->layout.pieces, c, v))
            return false;
    return layout_blocks(&a->layout.pieces, channels, v) == layout_blocks(&b->layout.pieces, channels, v);
}

bool relayout_rows_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *y = g->root, *x = y->in[0];
    if (is_flip(g) || !origin_is_whole(g) || !is_activation(x) || !is_activation(y))
        return false;
    LayoutKind from = x->layout.kind, to = y->layout.kind;
    Map a = map_of(x), b = map_of(y);
    return from != LAYOUT_PLAIN && to != LAYOUT_PLAIN && (from != to || from == LAYOUT_PANEL)
        && a.channels == b.channels && a.h == b.h && a.w == b.w && same_blocks(x, y, a.channels);
}

// `long NAME(long n, long row, long lane)`: where the V features of a row stand.
static void print_row_address(Emit *e, const char *name, const char *block, const Node *n)
{
    head_address(e, block, n);
    head_function(e, "long", name, "long n, long row, long lane");
    if (n->layout.kind == LAYOUT_COLUMNS)
        fprintf(e->text, "    return %s(n, row * V + lane, 0, 0);\n}\n", block);
    else if (n->layout.kind == LAYOUT_PANEL)
        fprintf(e->text, "    return %s(n, row, 0, 0) + 0 * lane;\n}\n", block);
    else
        fprintf(e->text, "    return %s(n, row / %" PRId64 ", row / %" PRId64 " %% %" PRId64
                ", row %% %" PRId64 ") + 0 * lane;\n}\n", block, n->shape.h * n->shape.w, n->shape.w,
                n->shape.h, n->shape.w);
}

bool relayout_rows_emit(Emit *e, Kern *k)
{
    const Node *y = k->group->root, *x = y->in[0];
    Map m = map_of(x);
    int ax = kern_read(k, x), ay = kern_write(k, y);
    relayout_items(k, y);
    k->item_kind = ITEMS_JOBS;
    k->items = layout_blocks(&x->layout.pieces, m.channels, x->layout.vector) * m.h * m.w;
    head_open(e, k, "V features of all images");
    head_constant(e, "N", y->shape.n);
    head_constant(e, "FROM_IMAGES", x->layout.kind == LAYOUT_COLUMNS);
    head_constant(e, "TO_IMAGES", y->layout.kind == LAYOUT_COLUMNS);
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_Y", ay);
    print_row_address(e, "AT_X", "BLOCK_X", x);
    print_row_address(e, "AT_Y", "BLOCK_Y", y);
    return head_body(e, "cpu/relayout_rows.c");
}

// --- the lists of sources and zeros -------------------------------------------------------------

static void print_images(Emit *e, int64_t from, int64_t to, int64_t images)
{
    fprintf(e->text, ", %" PRId64 ", %" PRId64 ", %" PRId64 ")", from, to, images);
}

// What an embedding leaves empty: channels before and behind those of its source, or images.
static void print_zeros(Emit *e, const Kern *k, int64_t unit_of(const Node *n, int64_t channel))
{
    const Node *y = k->group->root;
    Origin s = origin_at(k->group, 0);
    int64_t first = unit_of(y, s.to), end = unit_of(y, s.to + s.channels), all = unit_of(y, y->shape.c);
    head_list(e, "ZEROS(X)");
    if (y->op == OP_EMBED) {
        fprintf(e->text, " X(0, %" PRId64, first);
        print_images(e, 0, 0, y->shape.n);
        fprintf(e->text, " X(%" PRId64 ", %" PRId64, end, all - end);
        print_images(e, 0, 0, y->shape.n);
    } else if (y->op == OP_BATCH_EMBED) {
        int64_t behind = s.to_image + s.images;
        fprintf(e->text, " X(0, %" PRId64, all);
        print_images(e, 0, 0, s.to_image);
        fprintf(e->text, " X(0, %" PRId64, all);
        print_images(e, 0, behind, y->shape.n - behind);
    }
    fputc('\n', e->text);
}

static void print_sources(Emit *e, const Kern *k, int64_t unit_of(const Node *n, int64_t channel))
{
    const Group *g = k->group;
    head_list(e, "SOURCES(X)");
    for (int i = 0; i < origin_count(g); i++) {
        Origin s = origin_at(g, i);
        int64_t from = unit_of(s.x, s.from), to = unit_of(g->root, s.to);
        fprintf(e->text, " X(%d, AT_X%d, %" PRId64 ", %" PRId64 ", %" PRId64, kern_find(k, s.x), i,
                from, to, unit_of(s.x, s.from + s.channels) - from);
        print_images(e, s.from_image, s.to_image, s.images);
    }
    fputc('\n', e->text);
    print_zeros(e, k, unit_of);
}

static int64_t channel_itself(const Node *n, int64_t channel)
{
    (void)n;
    return channel;
}

// Blocks before `channel`, the first of a block (or one past the last of all).
static int64_t blocks_before(const Node *n, int64_t channel)
{
    int v = n->layout.vector;
    if (channel == n->shape.c)
        return layout_blocks(&n->layout.pieces, channel, v);
    return layout_channel(&n->layout.pieces, channel, v) / v;
}

// --- whole blocks -------------------------------------------------------------------------------

static bool is_block_edge(const Node *n, int64_t channel)
{
    return channel == n->shape.c
        || layout_channel(&n->layout.pieces, channel, n->layout.vector) % n->layout.vector == 0;
}

// A source's channels are whole blocks on both sides, cut the same way.
static bool moves_in_blocks(const Node *y, Origin s)
{
    int v = y->layout.vector;
    if (!is_block_edge(s.x, s.from) || !is_block_edge(s.x, s.from + s.channels)
        || !is_block_edge(y, s.to) || !is_block_edge(y, s.to + s.channels))
        return false;
    int64_t shift = layout_channel(&y->layout.pieces, s.to, v)
                  - layout_channel(&s.x->layout.pieces, s.from, v);
    for (int64_t c = 1; c < s.channels; c++)
        if (layout_channel(&y->layout.pieces, s.to + c, v)
            != layout_channel(&s.x->layout.pieces, s.from + c, v) + shift)
            return false;
    return blocks_before(y, s.to + s.channels) - blocks_before(y, s.to)
           == blocks_before(s.x, s.from + s.channels) - blocks_before(s.x, s.from);
}

bool relayout_blocks_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *y = g->root;
    bool is_map = y->layout.kind == LAYOUT_BLOCKED;
    if (is_flip(g) || (!is_map && y->layout.kind != LAYOUT_PANEL))
        return false;
    if (!is_map && map_of(y).h * map_of(y).w != 1)
        return false;
    for (int i = 0; i < origin_count(g); i++) {
        Origin s = origin_at(g, i);
        if (s.x->layout.kind != y->layout.kind || s.x->shape.h != y->shape.h
            || s.x->shape.w != y->shape.w || !moves_in_blocks(y, s))
            return false;
    }
    return true;
}

static void print_source_addresses(Emit *e, const Group *g, void print(Emit *, const char *, const Node *))
{
    for (int i = 0; i < origin_count(g); i++) {
        char name[HEAD_NAME];
        snprintf(name, sizeof name, "AT_X%d", i);
        print(e, name, origin_at(g, i).x);
    }
}

static int read_sources(Kern *k)
{
    for (int i = 0; i < origin_count(k->group); i++)
        kern_read(k, origin_at(k->group, i).x);
    return kern_write(k, k->group->root);
}

bool relayout_blocks_emit(Emit *e, Kern *k)
{
    const Node *y = k->group->root;
    int ay = read_sources(k);
    relayout_items(k, y);
    head_open(e, k, "one image");
    head_constant(e, "H", y->shape.h);
    head_constant(e, "W", y->shape.w);
    head_constant(e, "ARG_Y", ay);
    head_address(e, "AT_Y", y);
    print_source_addresses(e, k->group, head_address);
    print_sources(e, k, blocks_before);
    return head_body(e, "cpu/relayout_blocks.c");
}

// --- any ----------------------------------------------------------------------------------------

bool relayout_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    bool fits = !is_flip(g) && is_activation(g->root);
    for (int i = 0; fits && i < origin_count(g); i++)
        fits = is_activation(origin_at(g, i).x);
    return fits;
}

// Addresses of a flat value by the channel and pixel of the map it is or was.
static void print_flat_address(Emit *e, const char *name, const Node *n)
{
    head_element(e, "FLAT", n);
    head_function(e, "long", name, "long n, long c, long y, long x");
    fprintf(e->text, "    return FLAT(n, (c * H + y) * W + x, 0, 0);\n}\n");
}

bool relayout_any_emit(Emit *e, Kern *k)
{
    const Group *g = k->group;
    const Node *y = g->root, *x = y->in[0];
    bool is_flatter = y->shape.h * y->shape.w < x->shape.h * x->shape.w;
    bool is_unflattened = y->shape.h * y->shape.w > x->shape.h * x->shape.w;
    int ay = read_sources(k);
    relayout_items(k, y);
    head_open(e, k, "one image");
    head_constant(e, "H", is_flatter ? x->shape.h : y->shape.h);
    head_constant(e, "W", is_flatter ? x->shape.w : y->shape.w);
    head_constant(e, "ARG_Y", ay);
    if (is_flatter)
        print_flat_address(e, "TO", y);
    else
        head_element(e, "TO", y);
    print_source_addresses(e, g, is_unflattened ? print_flat_address : head_element);
    if (is_unflattened) {
        head_list(e, "SOURCES(X)");
        fprintf(e->text, " X(%d, AT_X0, 0, 0, %" PRId64, kern_find(k, x), y->shape.c);
        print_images(e, 0, 0, y->shape.n);
        fputc('\n', e->text);
        head_define(e, "ZEROS(X)", "%s", "");
    } else {
        print_sources(e, k, channel_itself);
    }
    return head_body(e, "cpu/relayout_any.c");
}
