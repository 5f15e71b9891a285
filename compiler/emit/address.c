// Addresses in heads: from the index of a block or of a logical element to an offset in a stored
// tensor, with all strides as numbers. The arithmetic of layouts is tensor/layout's own: a stride
// is printed as the difference of two addresses it gives.
#include "emit/kernel.h"
#include <inttypes.h>

#define BLOCK_INDEX   "long n, long b, long y, long x"
#define ELEMENT_INDEX "long n, long c, long y, long x"

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
    int64_t features = layout_item(l, s);
    return l->kind == LAYOUT_COLUMNS ? features : features / l->vector;
}

void head_address_of(Emit *e, const char *name, const Layout *l, Shape s)
{
    head_function(e, "long", name, BLOCK_INDEX);
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
    fprintf(e->text, "    return n * %" PRId64 "L + b * %" PRId64 "L + (y + %d) * %" PRId64
            " + (x + %d) * %" PRId64 ";\n}\n", item, block, l->top, row, l->left, lanes);
}

void head_address(Emit *e, const char *name, const Node *n)
{
    head_address_of(e, name, &n->layout, n->shape);
}

// --- pieces -------------------------------------------------------------------------------------

static bool is_ragged(const Layout *l)
{
    for (int i = 0; i + 1 < l->pieces.count; i++)
        if (l->pieces.channels[i] % l->vector)
            return true;
    return false;
}

typedef enum { TABLE_FIRST, TABLE_LANES } TableWhat;

// A line with a table over channel blocks: the first channel of each, or how many it holds.
static void print_block_table(Emit *e, const Layout *l, TableWhat what)
{
    fprintf(e->text, "    static const int %s[] = {", what == TABLE_FIRST ? "first" : "lanes");
    int64_t channel = 0;
    for (int i = 0; i < l->pieces.count; i++)
        for (int64_t left = l->pieces.channels[i]; left > 0; left -= l->vector) {
            int64_t lanes = left < l->vector ? left : l->vector;
            fprintf(e->text, " %" PRId64 ",", what == TABLE_FIRST ? channel : lanes);
            channel += lanes;
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
        fprintf(e->text, "    return (c / V * %" PRId64 " + pixel) * %" PRId64 "L + n * V + c %% V;\n}\n",
                m.area, row);
    else
        fprintf(e->text, "    return ((c / V * %" PRId64 " + pixel) * V + c %% V) * %" PRId64
                "L + n;\n}\n", m.area, row);
}

void head_element(Emit *e, const char *name, const Node *n)
{
    const Layout *l = &n->layout;
    if (is_features(l)) {
        head_function(e, "long", name, ELEMENT_INDEX);
        print_feature_element(e, n);
        return;
    }
    if (l->kind == LAYOUT_PLAIN) {
        head_address(e, name, n);
        return;
    }
    char block[HEAD_NAME];
    snprintf(block, sizeof block, "%s_BLOCK", name);
    head_address(e, block, n);
    head_function(e, "long", name, ELEMENT_INDEX);
    print_padded_channel(e, l);
    fprintf(e->text, "    return %s(n, c / V, y, x) + c %% V;\n}\n", block);
}

// --- lanes --------------------------------------------------------------------------------------

bool head_has_padding(const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    if (lanes == LANES_ONE)
        return false;
    if (lanes == LANES_IMAGES && n->shape.n % l->vector)
        return true;
    int64_t channels = is_features(l) ? feature_map(l, n->shape).channels : n->shape.c;
    return layout_blocks(&l->pieces, channels, l->vector) * l->vector != channels;
}

void head_lanes(Emit *e, const char *name, const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    Map m = is_features(l) ? feature_map(l, n->shape) : (Map){ n->shape.c, 1 };
    head_function(e, "long", name, "long n, long b");
    if (is_ragged(l))
        print_block_table(e, l, TABLE_LANES);
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
    return is_features(&n->layout) ? feature_map(&n->layout, s).area : s.h * s.w;
}

// Prints "long channel = ...", the logical channel of lane 0 of channel block `block`.
static void print_first_channel(Emit *e, const Layout *l, const char *block, const char *lane)
{
    if (l->kind == LAYOUT_PLAIN) {
        fprintf(e->text, "    long channel = %s;\n", block);
        return;
    }
    if (is_ragged(l))
        print_block_table(e, l, TABLE_FIRST);
    fprintf(e->text, is_ragged(l) ? "    long channel = first[%s]%s;\n" : "    long channel = %s * V%s;\n",
            block, lane);
}

void head_index(Emit *e, const char *name, const Node *n, Lanes lanes)
{
    const Layout *l = &n->layout;
    Shape s = n->shape;
    const DropoutAttr *d = &n->attr.dropout;
    head_function(e, "long", name, BLOCK_INDEX);
    bool is_row = lanes == LANES_IMAGES;             // b counts features, not blocks of them
    Map m = feature_map(l, s);
    if (is_features(l))
        fprintf(e->text, "    long block = b / %s%" PRId64 ", pixel = b%s %% %" PRId64 ";\n",
                is_row ? "V / " : "", m.area, is_row ? " / V" : "", m.area);
    print_first_channel(e, l, is_features(l) ? "block" : "b", is_row ? " + b % V" : "");
    fprintf(e->text, "    return n * %" PRId64 "L + %" PRId64 " + channel * %" PRId64,
            d->channels * s.h * s.w, d->first_channel * s.h * s.w,
            is_features(l) ? m.area : s.h * s.w);
    if (is_features(l))
        fprintf(e->text, " + pixel;\n}\n");
    else
        fprintf(e->text, " + y * %" PRId64 " + x;\n}\n", s.w);
}
