// Addresses in heads: from the index of a block or of a logical element to an offset in a stored
// tensor, with all strides as numbers. The arithmetic of layouts is tensor/layout's own: a stride
// is printed as the difference of two addresses it gives.
#include "emit/kernel.h"
#include <inttypes.h>

const char *head_block_index(const Emit *e)
{
    return arena_printf(e->arena, "%s n, %s b, %s y, %s x", e->index, e->index, e->index, e->index);
}

static const char *element_index(const Emit *e)
{
    return arena_printf(e->arena, "%s n, %s c, %s y, %s x", e->index, e->index, e->index, e->index);
}

static bool is_flattened(const Layout *l, Shape s)
{
    return s.h * s.w == 1 && l->in_h * l->in_w > 1;
}

// The map behind a tensor of features: its own, or that from before it was flattened.
typedef struct { int64_t channels, area; } Map;

static bool is_features(const Layout *l)
{
    return l->kind == LAYOUT_PANEL || l->kind == LAYOUT_COLUMNS;
}

static Map feature_map(const Layout *l, Shape s)
{
    if (s.h * s.w > 1 || l->in_h < 1 || l->in_w < 1)
        return (Map){ s.c, s.h * s.w };
    int64_t area = (int64_t)l->in_h * l->in_w;
    return (Map){ s.c / area, area };
}

// Its features may stand for a map's: feature_map tells.
static bool has_map(const Layout *l)
{
    return is_features(l) || l->kind == LAYOUT_NHWC;
}

Lanes layout_lanes(const Layout *l)
{
    return l->kind == LAYOUT_PLAIN ? LANES_ONE
         : l->kind == LAYOUT_COLUMNS ? LANES_IMAGES : LANES_CHANNELS;
}

int64_t layout_rows(const Layout *l, Shape s)
{
    if (l->kind == LAYOUT_PLAIN)
        return s.c;
    if (l->kind == LAYOUT_BLOCKED)
        return layout_blocks(&l->pieces, s.c, l->vector);
    if (l->kind == LAYOUT_NHWC)
        return layout_pixel(l, s) / l->vector * (is_flattened(l, s) ? l->in_h * l->in_w : 1);
    int64_t features = layout_item(l, s);
    return l->kind == LAYOUT_COLUMNS || layout_is_weights(l) ? features : features / l->vector;
}

// Blocks are V channels of a pixel; of a flattened map all blocks of its pixels, one after another.
static void print_nhwc_address(Emit *e, const Layout *l, Shape s)
{
    int64_t pixel = layout_pixel(l, s), column = l->pixel_stride ? l->pixel_stride : pixel;
    int64_t width = is_flattened(l, s) ? l->in_w : l->left + s.w + l->right;
    int64_t height = is_flattened(l, s) ? l->in_h : l->top + s.h + l->bottom;
    int64_t row = width * column, item = l->item_stride ? l->item_stride : height * row;
    fprintf(e->text, "    return n * %" PRId64, item);
    if (is_flattened(l, s) && column != pixel)
        fprintf(e->text, " + b / %" PRId64 " * %" PRId64 " + b %% %" PRId64 " * V;\n}\n",
                pixel / e->lanes, column, pixel / e->lanes);
    else
        fprintf(e->text, " + (y + %d) * %" PRId64 " + (x + %d) * %" PRId64 " + b * V;\n}\n",
                l->top, row, l->left, column);
}

void head_address_of(Emit *e, const char *name, const Layout *l, Shape s)
{
    if (l->kind == LAYOUT_NHWC) {
        head_function(e, e->index, name, head_block_index(e));
        print_nhwc_address(e, l, s);
        return;
    }
    head_function(e, e->index, name, head_block_index(e));
    if (layout_is_weights(l)) {                      // n: a block of V filters
        fprintf(e->text, "    return (n * %" PRId64 " + b) * %d;\n}\n", layout_item(l, s), l->vector);
        return;
    }
    if (is_features(l)) {
        int64_t row = layout_elements(l, s) / layout_rows(l, s);
        fprintf(e->text, "    return b * %" PRId64 " + n * %d;\n}\n", row,
                l->kind == LAYOUT_PANEL ? l->vector : 1);
        return;
    }
    int64_t lanes = l->kind == LAYOUT_BLOCKED ? l->vector : 1;
    int64_t row = (l->left + s.w + l->right) * lanes;
    int64_t block = (l->top + s.h + l->bottom) * row;
    int64_t item = l->item_stride ? l->item_stride : layout_item(l, s);
    fprintf(e->text, "    return n * %" PRId64 " + b * %" PRId64 " + (y + %d) * %" PRId64
            " + (x + %d) * %" PRId64 ";\n}\n", item, block, l->top, row, l->left, lanes);
}

void head_address(Emit *e, const char *name, const Node *n)
{
    head_address_of(e, name, &n->layout, n->shape);
}

// --- pieces -------------------------------------------------------------------------------------

bool blocks_are_runs(const Layout *l)
{
    for (int i = 0; i + 1 < l->pieces.count; i++)
        if (l->pieces.channels[i] % l->vector)
            return false;
    return true;
}

static bool is_ragged(const Layout *l) { return !blocks_are_runs(l); }

typedef enum { TABLE_FIRST, TABLE_LANES } TableWhat;

// A line with a table over channel blocks: the first channel of each, or how many it holds.
static void print_block_table(Emit *e, const Layout *l, TableWhat what)
{
    fprintf(e->text, "    static const int %s[] = {", what == TABLE_FIRST ? "first" : "lanes");
    int64_t channel = 0;
    for (int i = 0; i < l->pieces.count; i++) {
        int64_t padded = size_round_up(l->pieces.channels[i], l->vector), left = l->pieces.channels[i];
        for (int64_t at = 0; at < padded; at += e->lanes) {
            int64_t lanes = left < 0 ? 0 : left < e->lanes ? left : e->lanes;
            fprintf(e->text, " %" PRId64 ",", what == TABLE_FIRST ? channel : lanes);
            channel += lanes;
            left -= lanes;
        }
    }
    fprintf(e->text, " };\n");
}

// --- logical elements ---------------------------------------------------------------------------

// The padded index of channel c: itself, unless a piece before its own ends inside a block.
static void print_padded_channel(Emit *e, const Layout *l)
{
    if (!is_ragged(l))
        return;
    int64_t channel = 0;
    fprintf(e->text, "    c +=");
    for (int i = 0; i + 1 < l->pieces.count; i++) {
        channel += l->pieces.channels[i];
        fprintf(e->text, "%s (c >= %" PRId64 " ? %" PRId64 " : 0)", i ? " +" : "", channel,
                size_round_up(l->pieces.channels[i], l->vector) - l->pieces.channels[i]);
    }
    fprintf(e->text, ";    // pieces start new blocks\n");
}

static void print_feature_element(Emit *e, const Node *n)
{
    const Layout *l = &n->layout;
    Map m = feature_map(l, n->shape);
    bool is_flat = m.channels != n->shape.c;         // c counts features: channel and pixel in one
    if (is_flat)
        fprintf(e->text, "    long pixel = c %% %" PRId64 ";\n    c /= %" PRId64 ";\n", m.area, m.area);
    else
        fprintf(e->text, "    long pixel = y * %" PRId64 " + x;\n", n->shape.w);
    print_padded_channel(e, l);
    int64_t row = layout_elements(l, n->shape) / layout_rows(l, n->shape);
    if (l->kind == LAYOUT_PANEL)
        fprintf(e->text, "    return (c / V * %" PRId64 " + pixel) * %" PRId64 " + n * V + c %% V;\n}\n",
                m.area, row);
    else
        fprintf(e->text, "    return ((c / V * %" PRId64 " + pixel) * V + c %% V) * %" PRId64
                " + n;\n}\n", m.area, row);
}

static void print_nhwc_element(Emit *e, const char *name, const Node *n)
{
    const Layout *l = &n->layout;
    Map m = feature_map(l, n->shape);
    Layout flat = *l;
    Shape s = n->shape;
    head_function(e, e->index, name, element_index(e));
    if (is_flattened(l, s)) {                        // c counts features: channel and pixel in one
        fprintf(e->text, "    y = c %% %" PRId64 " / %d;\n    x = c %% %d;\n    c /= %" PRId64 ";\n", m.area,
                l->in_w, l->in_w, m.area);
        s = (Shape){ s.n, m.channels, l->in_h, l->in_w };
        flat.top = flat.left = flat.bottom = flat.right = 0;
    }
    print_padded_channel(e, l);
    int64_t column = l->pixel_stride ? l->pixel_stride : layout_pixel(l, n->shape);
    int64_t row = (flat.left + s.w + flat.right) * column;
    fprintf(e->text, "    return n * %" PRId64 " + (y + %d) * %" PRId64 " + (x + %d) * %" PRId64 " + c;\n}\n",
            l->item_stride ? l->item_stride : (flat.top + s.h + flat.bottom) * row, flat.top, row,
            flat.left, column);
}

void head_element(Emit *e, const char *name, const Node *n)
{
    const Layout *l = &n->layout;
    if (is_features(l)) {
        head_function(e, e->index, name, element_index(e));
        print_feature_element(e, n);
        return;
    }
    if (l->kind == LAYOUT_PLAIN) {
        head_address(e, name, n);
        return;
    }
    char block[HEAD_NAME];
    snprintf(block, sizeof block, "%s_BLOCK", name);
    if (l->kind == LAYOUT_NHWC) {
        print_nhwc_element(e, name, n);
        return;
    }
    head_address(e, block, n);
    head_function(e, e->index, name, element_index(e));
    print_padded_channel(e, l);
    fprintf(e->text, "    return %s(n, c / V, y, x) + c %% V;\n}\n", block);
}

// --- lanes --------------------------------------------------------------------------------------

bool head_has_padding(const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    if (lanes == LANES_ONE || layout_is_weights(l))  // of weights there are only sums: zeros stay zeros
        return false;
    if (lanes == LANES_IMAGES && n->shape.n % l->vector)
        return true;
    int64_t channels = has_map(l) ? feature_map(l, n->shape).channels : n->shape.c;
    return layout_blocks(&l->pieces, channels, l->vector) * l->vector != channels;
}

void head_lanes(Emit *e, const char *name, const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    Map m = has_map(l) ? feature_map(l, n->shape) : (Map){ n->shape.c, 1 };
    head_function(e, e->index, name, arena_printf(e->arena, "%s n, %s b", e->index, e->index));
    if (is_ragged(l))
        print_block_table(e, l, TABLE_LANES);
    if (l->kind == LAYOUT_NHWC) {
        int64_t blocks = layout_pixel(l, n->shape) / e->lanes;      // of a pixel
        if (is_ragged(l))
            fprintf(e->text, "    return lanes[b %% %" PRId64 "];\n}\n", blocks);
        else
            fprintf(e->text, "    return %" PRId64 " - b %% %" PRId64 " * V;\n}\n", m.channels, blocks);
        return;
    }
    if (lanes == LANES_CHANNELS) {
        fprintf(e->text, is_ragged(l) ? "    return lanes[b / %" PRId64 "];\n}\n"
                                      : "    return %" PRId64 " - b / %" PRId64 " * V;\n}\n",
                is_ragged(l) ? m.area : m.channels, m.area);
        return;
    }
    // A row of COLUMNS is one feature: block (b / V / area), lane b % V of it.
    if (is_ragged(l))
        fprintf(e->text, "    bool is_channel = b %% V < lanes[b / (V * %" PRId64 ")];\n", m.area);
    else
        fprintf(e->text, "    bool is_channel = b / (V * %" PRId64 ") * V + b %% V < %" PRId64 ";\n",
                m.area, m.channels);
    fprintf(e->text, "    return is_channel ? %" PRId64 " - n : 0;\n}\n", n->shape.n);
}

int64_t head_index_step(const Node *n, Lanes lanes)
{
    Shape s = n->shape;
    if (lanes == LANES_IMAGES)
        return n->attr.dropout.channels * s.h * s.w;
    return has_map(&n->layout) ? feature_map(&n->layout, s).area : s.h * s.w;
}

// Prints "long channel = ...", the logical channel of lane 0 of channel block `block`.
static void print_first_channel(Emit *e, const Layout *l, const char *block, const char *lane)
{
    if (l->kind == LAYOUT_PLAIN) {
        fprintf(e->text, "    %s channel = %s;\n", e->index, block);
        return;
    }
    if (is_ragged(l))
        print_block_table(e, l, TABLE_FIRST);
    fprintf(e->text, is_ragged(l) ? "    %s channel = first[%s]%s;\n" : "    %s channel = %s * V%s;\n",
            e->index, block, lane);
}

void head_channel(Emit *e, const char *name, const Node *n)
{
    const Layout *l = &n->layout;
    bool flattened = is_flattened(l, n->shape);
    int64_t pixel = layout_pixel(l, n->shape) / e->lanes;       // blocks of one
    head_function(e, e->index, name, arena_printf(e->arena, "%s b", e->index));
    if (flattened)
        fprintf(e->text, "    %s pixel = b / %" PRId64 ", block = b %% %" PRId64 ";\n", e->index, pixel,
                pixel);
    print_first_channel(e, l, flattened ? "block" : "b", "");
    if (flattened)
        fprintf(e->text, "    return channel * %" PRId64 " + pixel;\n}\n", feature_map(l, n->shape).area);
    else
        fprintf(e->text, "    return channel;\n}\n");
}

int64_t head_channel_step(const Node *n)
{
    return is_flattened(&n->layout, n->shape) ? feature_map(&n->layout, n->shape).area : 1;
}

void head_index(Emit *e, const char *name, const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    Shape s = n->shape;
    const DropoutAttr *d = &n->attr.dropout;
    head_function(e, e->index, name, head_block_index(e));
    bool is_row = lanes == LANES_IMAGES;             // b counts features, not blocks of them
    Map m = feature_map(l, s);
    bool flattened = is_features(l) || is_flattened(l, s);
    if (l->kind == LAYOUT_NHWC && flattened)
        fprintf(e->text, "    %s pixel = b / %" PRId64 ", block = b %% %" PRId64 ";\n", e->index,
                layout_pixel(l, s) / e->lanes, layout_pixel(l, s) / e->lanes);
    else if (flattened)
        fprintf(e->text, "    long block = b / %s%" PRId64 ", pixel = b%s %% %" PRId64 ";\n",
                is_row ? "V / " : "", m.area, is_row ? " / V" : "", m.area);
    print_first_channel(e, l, flattened ? "block" : "b", is_row ? " + b % V" : "");
    fprintf(e->text, "    return n * %" PRId64 " + %" PRId64 " + channel * %" PRId64,
            d->channels * s.h * s.w, (d->first_image * d->channels + d->first_channel) * s.h * s.w,
            flattened ? m.area : s.h * s.w);
    if (flattened)
        fprintf(e->text, " + pixel;\n}\n");
    else
        fprintf(e->text, " + y * %" PRId64 " + x;\n}\n", s.w);
}
