// Addresses: logical element (n, c, h, w) -> offset in a stored tensor. In every layout the offset
// is a sum of four independent terms, one for each index; a Terms holds what they are made of.
#include "tensor/layout.h"
#include <string.h>

int64_t layout_blocks(const Pieces *p, int64_t channels, int vector)
{
    if (p->count < 2)
        return size_round_up(channels, vector) / vector;
    int64_t blocks = 0;
    for (int i = 0; i < p->count; i++)
        blocks += size_round_up(p->channels[i], vector) / vector;
    return blocks;
}

int64_t layout_channel(const Pieces *p, int64_t c, int vector)
{
    int64_t first = 0;                               // padded index of the piece's first channel
    for (int i = 0; i + 1 < p->count && c >= p->channels[i]; i++) {
        c -= p->channels[i];
        first += size_round_up(p->channels[i], vector);
    }
    return first + c;
}

int element_bytes(Element e) { return e == ELEMENT_BF16 ? 2 : 4; }

bool layout_is_weights(const Layout *l)
{
    return l->kind == LAYOUT_FILTERS || l->kind == LAYOUT_FILTERS_IN || l->kind == LAYOUT_DENSE;
}

Layout layout_compact(Layout l)
{
    l.top = l.left = l.bottom = l.right = 0;
    l.item_stride = l.pixel_stride = 0;
    return l;
}

// The map that the features of a PANEL, COLUMNS, DENSE or NHWC tensor stand for: the tensor's own, or
// that from before it was flattened.
typedef struct { int64_t channels, h, w; } Map;

static Map feature_map(const Layout *l, Shape s)
{
    if (s.h * s.w > 1 || l->in_h < 1 || l->in_w < 1)
        return (Map){ s.c, s.h, s.w };
    int64_t area = (int64_t)l->in_h * l->in_w;
    return (Map){ s.c / area, l->in_h, l->in_w };
}

// Padded features of one image (or of one output of a fully connected layer); -1: overflow.
static int64_t padded_features(const Layout *l, Shape s)
{
    Map m = feature_map(l, s);
    int64_t count;
    if (!size_multiply(layout_blocks(&l->pieces, m.channels, l->vector), l->vector, &count)
        || !size_multiply(count, m.h, &count) || !size_multiply(count, m.w, &count))
        return -1;
    return count;
}

static int64_t padded_height(const Layout *l, Shape s) { return l->top + s.h + l->bottom; }
static int64_t padded_width(const Layout *l, Shape s) { return l->left + s.w + l->right; }

// -1 when a product overflows.
static int64_t product(int count, const int64_t *factors)
{
    int64_t value = 1;
    for (int i = 0; i < count; i++)
        if (factors[i] < 0 || !size_multiply(value, factors[i], &value))
            return -1;
    return value;
}
#define PRODUCT(...) product((int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), \
                             (int64_t[]){ __VA_ARGS__ })

int64_t layout_pixel(const Layout *l, Shape s)
{
    return layout_blocks(&l->pieces, feature_map(l, s).channels, l->vector) * l->vector;
}

// Pixels of an NHWC map, halo in; a flattened map has none.
static int64_t padded_map(const Layout *l, Shape s)
{
    Map m = feature_map(l, s);
    return m.channels == s.c ? PRODUCT(padded_height(l, s), padded_width(l, s)) : PRODUCT(m.h, m.w);
}

int64_t layout_item(const Layout *l, Shape s)
{
    int64_t v = l->vector;
    switch (l->kind) {
    case LAYOUT_PLAIN:
        return PRODUCT(s.c, padded_height(l, s), padded_width(l, s));
    case LAYOUT_BLOCKED:
        return PRODUCT(layout_blocks(&l->pieces, s.c, l->vector), padded_height(l, s),
                       padded_width(l, s), v);
    case LAYOUT_PANEL:
    case LAYOUT_COLUMNS:
    case LAYOUT_DENSE:
        return padded_features(l, s);
    case LAYOUT_NHWC:
        return PRODUCT(layout_pixel(l, s), padded_map(l, s));
    case LAYOUT_FILTERS:
        return PRODUCT(layout_blocks(&l->pieces, s.c, l->vector), s.h, s.w, v);
    case LAYOUT_FILTERS_IN:
        return PRODUCT(s.c, s.h, s.w);
    case LAYOUT_NONE:
        break;
    }
    return -1;
}

// From the first element of the first image to the last of the last. The gaps between pixels and
// between images are somebody else's.
static int64_t nhwc_elements(const Layout *l, Shape s)
{
    int64_t pixel = layout_pixel(l, s), step = l->pixel_stride ? l->pixel_stride : pixel;
    int64_t image = PRODUCT(padded_map(l, s) - 1, step);
    if (pixel < 0 || image < 0 || !size_add(image, pixel, &image))
        return -1;
    int64_t images = PRODUCT(s.n - 1, l->item_stride ? l->item_stride : image);
    return images < 0 || !size_add(images, image, &images) ? -1 : images;
}

int64_t layout_elements(const Layout *l, Shape s)
{
    int64_t item = layout_item(l, s), more;
    if (item < 0)
        return -1;
    switch (l->kind) {
    case LAYOUT_PLAIN:
    case LAYOUT_BLOCKED:
        // The gaps between images are somebody else's; the last image has none behind it.
        more = PRODUCT(s.n - 1, l->item_stride ? l->item_stride : item);
        return more < 0 || !size_add(more, item, &more) ? -1 : more;
    case LAYOUT_NHWC:
        return nhwc_elements(l, s);
    case LAYOUT_PANEL:
        return PRODUCT(item, s.n);
    case LAYOUT_COLUMNS:
        return PRODUCT(item, size_round_up(s.n, l->vector));
    case LAYOUT_FILTERS:
    case LAYOUT_FILTERS_IN:
    case LAYOUT_DENSE:
        return PRODUCT(item, layout_blocks(&l->pieces_out, s.n, l->vector), l->vector);
    case LAYOUT_NONE:
        break;
    }
    return -1;
}

// --- addresses ----------------------------------------------------------------------------------

typedef struct {
    const Layout *layout;
    int64_t       area;            // pixels of a map before it was flattened; else 1
    int64_t       lane;            // from a channel to the next within its block
    int64_t       block;           // from a block of channels to the next
    int64_t       item;            // from an image to the next; weights: from a block of outputs
    int64_t       row, column;
    int64_t       origin;          // of element (0, 0, 0, 0): behind the halo
} Terms;

static Terms blocked_terms(const Layout *l, Shape s)
{
    int64_t lanes = l->kind == LAYOUT_BLOCKED ? l->vector : 1;
    Terms t = { .layout = l, .area = 1, .lane = 1, .column = lanes };
    t.row = padded_width(l, s) * lanes;
    t.block = padded_height(l, s) * t.row;
    t.item = l->item_stride ? l->item_stride : layout_item(l, s);
    t.origin = l->top * t.row + l->left * t.column;
    return t;
}

static Terms nhwc_terms(const Layout *l, Shape s)
{
    Map m = feature_map(l, s);
    bool flattened = m.channels != s.c;
    Terms t = { .layout = l, .area = flattened ? m.h * m.w : 1, .lane = 1, .block = l->vector };
    t.column = l->pixel_stride ? l->pixel_stride : layout_pixel(l, s);
    t.row = (flattened ? m.w : padded_width(l, s)) * t.column;
    t.item = l->item_stride ? l->item_stride
             : (flattened ? m.h : padded_height(l, s)) * t.row;
    t.origin = l->top * t.row + l->left * t.column;
    return t;
}

// Features in the order [c / V][h][w][V of c]; `column` is the distance from pixel to pixel.
static Terms feature_terms(const Layout *l, Shape s)
{
    Map m = feature_map(l, s);
    int64_t v = l->vector;
    Terms t = { .layout = l, .area = m.channels == s.c ? 1 : m.h * m.w };
    switch (l->kind) {
    case LAYOUT_PANEL:
        t.lane = 1;
        t.item = v;
        t.column = s.n * v;
        break;
    case LAYOUT_COLUMNS:
        t.lane = size_round_up(s.n, v);
        t.item = 1;
        t.column = v * t.lane;
        break;
    default:                                         // DENSE: the lanes are outputs
        t.lane = v;
        t.item = padded_features(l, s) * v;
        t.column = v * v;
        break;
    }
    t.row = m.w * t.column;
    t.block = m.h * t.row;
    return t;
}

static Terms filter_terms(const Layout *l, Shape s)
{
    int64_t v = l->vector;
    int64_t inner = l->kind == LAYOUT_FILTERS ? v * v : v;     // elements of one tap
    Terms t = { .layout = l, .area = 1, .lane = v, .column = inner, .row = s.w * inner };
    t.block = s.h * t.row;
    t.item = layout_item(l, s) * v;
    return t;
}

static Terms layout_terms(const Layout *l, Shape s)
{
    switch (l->kind) {
    case LAYOUT_PANEL:
    case LAYOUT_COLUMNS:
    case LAYOUT_DENSE:
        return feature_terms(l, s);
    case LAYOUT_FILTERS:
    case LAYOUT_FILTERS_IN:
        return filter_terms(l, s);
    case LAYOUT_NHWC:
        return nhwc_terms(l, s);
    default:
        return blocked_terms(l, s);
    }
}

static bool outputs_are_blocked(LayoutKind kind)
{
    return kind == LAYOUT_FILTERS || kind == LAYOUT_FILTERS_IN || kind == LAYOUT_DENSE;
}

static int64_t item_term(const Terms *t, int64_t n)
{
    const Layout *l = t->layout;
    if (!outputs_are_blocked(l->kind))
        return n * t->item;
    int64_t k = layout_channel(&l->pieces_out, n, l->vector);
    return k / l->vector * t->item + k % l->vector;
}

static int64_t channel_term(const Terms *t, int64_t c)
{
    const Layout *l = t->layout;
    if (l->kind == LAYOUT_PLAIN || l->kind == LAYOUT_FILTERS_IN)
        return c * t->block;
    int64_t pixel = c % t->area;
    int64_t channel = layout_channel(&l->pieces, c / t->area, l->vector);
    return channel / l->vector * t->block + channel % l->vector * t->lane + pixel * t->column;
}

int64_t layout_address(const Layout *l, Shape s, int64_t n, int64_t c, int64_t h, int64_t w)
{
    Terms t = layout_terms(l, s);
    return t.origin + item_term(&t, n) + channel_term(&t, c) + h * t.row + w * t.column;
}

// --- whole tensors ------------------------------------------------------------------------------

enum { RUN = 256 };                                  // channels whose terms are kept at a time

// Calls once per image and channel would cost two divisions an element in fully connected weights;
// so the terms of RUN channels are computed once for all images.
static void move(const Layout *l, Shape s, float *stored, float *dense, bool to_stored)
{
    Terms t = layout_terms(l, s);
    int64_t area = s.h * s.w, channel[RUN];
    for (int64_t first = 0; first < s.c; first += RUN) {
        int64_t count = s.c - first < RUN ? s.c - first : RUN;
        for (int64_t c = 0; c < count; c++)
            channel[c] = t.origin + channel_term(&t, first + c);
        for (int64_t n = 0; n < s.n; n++) {
            int64_t item = item_term(&t, n);
            float *d = dense + (n * s.c + first) * area;
            for (int64_t c = 0; c < count; c++)
                for (int64_t h = 0; h < s.h; h++) {
                    float *at = stored + item + channel[c] + h * t.row;
                    for (int64_t w = 0; w < s.w; w++, d++, at += t.column) {
                        if (to_stored)
                            *at = *d;
                        else
                            *d = *at;
                    }
                }
        }
    }
}

void layout_gather(const Layout *l, Shape s, const float *stored, float *dense)
{
    move(l, s, (float *)stored, dense, false);
}

void layout_scatter(const Layout *l, Shape s, const float *dense, float *stored)
{
    move(l, s, stored, (float *)dense, true);
}

bool layout_has_padding(const Layout *l, Shape s)
{
    int64_t stored = layout_item(l, s);
    if (l->kind == LAYOUT_COLUMNS && s.n % l->vector)
        return true;
    if (outputs_are_blocked(l->kind)
        && layout_blocks(&l->pieces_out, s.n, l->vector) * l->vector != s.n)
        return true;
    return stored != shape_item(s);
}

Pieces pieces_one(int64_t channels)
{
    return (Pieces){ 1, { (int32_t)channels } };
}

static bool pieces_equal(const Pieces *a, const Pieces *b)
{
    if (a->count < 2 && b->count < 2)
        return true;                                 // both: all channels in one piece
    return a->count == b->count
        && !memcmp(a->channels, b->channels, (size_t)a->count * sizeof *a->channels);
}

bool layout_equal(const Layout *a, const Layout *b)
{
    return a->kind == b->kind && a->element == b->element && a->vector == b->vector
        && a->top == b->top && a->left == b->left && a->bottom == b->bottom && a->right == b->right
        && pieces_equal(&a->pieces, &b->pieces) && pieces_equal(&a->pieces_out, &b->pieces_out)
        && a->in_h == b->in_h && a->in_w == b->in_w && a->item_stride == b->item_stride
        && a->pixel_stride == b->pixel_stride;
}

const char *layout_name(LayoutKind kind)
{
    switch (kind) {
    case LAYOUT_NONE:       return "none";
    case LAYOUT_PLAIN:      return "plain";
    case LAYOUT_BLOCKED:    return "blocked";
    case LAYOUT_PANEL:      return "panel";
    case LAYOUT_COLUMNS:    return "columns";
    case LAYOUT_FILTERS:    return "filters";
    case LAYOUT_FILTERS_IN: return "filters_in";
    case LAYOUT_DENSE:      return "dense";
    case LAYOUT_NHWC:       return "nhwc";
    }
    return "none";
}
