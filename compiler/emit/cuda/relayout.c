// Heads of kernels that move values on GPUs and compute nothing: other elements, layouts and orders of
// features, concatenations and slices that no view could do.
#include "emit/cuda/head.h"
#include "emit/origin.h"
#include "emit/cuda/bodies.h"
#include <inttypes.h>

enum { THREADS = 256 };

// All arguments, the launch of `threads` of them that work, the head's start and Y.
static void open_moves(Emit *e, Kern *k, int lanes, int64_t threads, const char *thread)
{
    const Node *y = k->group->root;
    for (int i = 0; i < origin_count(k->group); i++)
        kern_read(k, origin_at(k->group, i).x);
    int ay = kern_write(k, y);
    cuda_launch(k, cuda_blocks(threads, THREADS), 1, 1, THREADS, 0);
    k->bytes = cuda_bytes(y);
    for (int i = 0; i < origin_count(k->group); i++) {
        Origin s = origin_at(k->group, i);
        k->bytes += cuda_bytes(s.x) * s.channels / s.x->shape.c * s.images / s.x->shape.n;
    }
    k->reason = node_is_rounded(y) ? "the update writes it, too: only on entering or after the host wrote"
                                   : "moves values, computes nothing";
    cuda_open(e, k, lanes, "neighbouring places", thread);
    cuda_tensor(e, "Y", ay, y);
}

static void print_sources(Emit *e, const Kern *k, int64_t unit_of(const Node *n, int64_t channel),
                          const char *load, const char *address)
{
    head_list(e, "SOURCES(X)");
    for (int i = 0; i < origin_count(k->group); i++) {
        Origin s = origin_at(k->group, i);
        int64_t from = unit_of(s.x, s.from), to = unit_of(k->group->root, s.to);
        fprintf(e->text, " X(%d, %s%d, %s%d, %" PRId64 ", %" PRId64 ", %" PRId64, kern_find(k, s.x),
                load, i, address, i, from, to, unit_of(s.x, s.from + s.channels) - from);
        fprintf(e->text, ", %" PRId64 ", %" PRId64 ", %" PRId64 ")", s.from_image, s.to_image, s.images);
    }
    fputc('\n', e->text);
}

// --- other elements -----------------------------------------------------------------------------

static bool is_dense(const Node *n)
{
    return layout_elements(&n->layout, n->shape) == n->shape.n * layout_item(&n->layout, n->shape);
}

static int flat_lanes(const Node *a, const Node *b)
{
    return a->layout.element == ELEMENT_BF16 || b->layout.element == ELEMENT_BF16 ? 8 : 4;
}

bool cuda_relayout_flat_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *y = g->root, *x = y->in[0];
    Layout a = x->layout;
    a.element = y->layout.element;
    return y->op == OP_RELAYOUT && layout_equal(&a, &y->layout) && is_dense(x) && is_dense(y)
        && layout_elements(&a, y->shape) % flat_lanes(x, y) == 0;
}

bool cuda_relayout_flat_emit(Emit *e, Kern *k)
{
    const Node *y = k->group->root, *x = y->in[0];
    int64_t count = layout_elements(&y->layout, y->shape);
    int lanes = flat_lanes(x, y);
    open_moves(e, k, lanes, count / lanes, "neighbouring elements");
    head_constant(e, "COUNT", count);
    cuda_tensor(e, "X", kern_find(k, x), x);
    return head_body(e, "cuda/relayout_flat.cu");
}

// --- whole vectors ------------------------------------------------------------------------------

static bool has_halo(const Layout *l) { return l->top || l->left || l->bottom || l->right; }

static int64_t padded(const Node *n, int64_t channel)
{
    return layout_channel(&n->layout.pieces, channel, n->layout.vector);
}

// The channel is the first of a vector, or one past the last of all.
static bool is_edge(const Node *n, int64_t channel)
{
    return channel == n->shape.c || padded(n, channel) % n->layout.vector == 0;
}

// Vectors before a channel that is_edge.
static int64_t vectors_before(const Node *n, int64_t channel)
{
    return channel == n->shape.c ? layout_rows(&n->layout, n->shape) : padded(n, channel) / n->layout.vector;
}

// All that may differ is what the op cuts or joins along.
static bool same_but_runs(const Node *y, const Node *x)
{
    bool same_batch = origin_cuts_batch(y->op) || y->shape.n == x->shape.n;
    return same_batch && y->shape.h == x->shape.h && y->shape.w == x->shape.w;
}

static bool is_map_of_features(const Node *n)
{
    return n->shape.h * n->shape.w == 1 && n->layout.in_h * n->layout.in_w > 1;
}

// A source's channels are whole vectors on both sides, cut the same way.
static bool moves_in_vectors(const Node *y, Origin s)
{
    if (!is_edge(s.x, s.from) || !is_edge(s.x, s.from + s.channels) || !is_edge(y, s.to)
        || !is_edge(y, s.to + s.channels))
        return false;
    for (int64_t c = 1; c < s.channels; c++)
        if (padded(y, s.to + c) - padded(y, s.to) != padded(s.x, s.from + c) - padded(s.x, s.from))
            return false;
    return vectors_before(y, s.to + s.channels) - vectors_before(y, s.to)
           == vectors_before(s.x, s.from + s.channels) - vectors_before(s.x, s.from);
}

// Features of a flattened map move in vectors only where their order stays.
static bool same_features(const Node *y, const Node *x)
{
    Layout a = layout_compact(x->layout), b = layout_compact(y->layout);
    a.element = b.element;
    return same_but_runs(y, x) && x->shape.c == y->shape.c && layout_equal(&a, &b);
}

bool cuda_relayout_blocks_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *y = g->root;
    for (int i = 0; i < origin_count(g); i++) {
        Origin s = origin_at(g, i);
        const Layout *l = &s.x->layout;
        bool is_flat = is_map_of_features(s.x) || is_map_of_features(y);
        if (l->kind != LAYOUT_NHWC || l->vector != y->layout.vector
            || !same_but_runs(y, s.x)
            || !(is_flat ? same_features(y, s.x) : moves_in_vectors(y, s)))
            return false;
    }
    return y->layout.kind == LAYOUT_NHWC && !has_halo(&y->layout);
}

static int64_t vectors_of_all(const Node *n, int64_t channel)
{
    return channel ? layout_rows(&n->layout, n->shape) : 0;
}

bool cuda_relayout_blocks_emit(Emit *e, Kern *k)
{
    const Node *y = k->group->root;
    int64_t blocks = layout_rows(&y->layout, y->shape);
    int64_t threads = y->shape.n * blocks * y->shape.h * y->shape.w;
    open_moves(e, k, y->layout.vector, threads, "some channels of one pixel");
    head_constant(e, "COUNT", threads);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "H", y->shape.h);
    head_constant(e, "W", y->shape.w);
    for (int i = 0; i < origin_count(k->group); i++) {
        const Node *x = origin_at(k->group, i).x;
        char name[HEAD_NAME];
        snprintf(name, sizeof name, "X%d", i);
        cuda_tensor(e, name, kern_find(k, x), x);
    }
    print_sources(e, k, is_map_of_features(y) ? vectors_of_all : vectors_before, "LOAD_X", "AT_X");
    return head_body(e, "cuda/relayout_blocks.cu");
}

// --- any ----------------------------------------------------------------------------------------

static bool is_known(const Node *n)
{
    return n->layout.kind == LAYOUT_NHWC || n->layout.kind == LAYOUT_PLAIN;
}

bool cuda_relayout_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *y = g->root;
    bool fits = is_known(y);
    for (int i = 0; fits && i < origin_count(g); i++) {
        const Node *x = origin_at(g, i).x;
        fits = is_known(x) && same_but_runs(y, x);
    }
    return fits;
}

static int64_t channel_itself(const Node *n, int64_t channel)
{
    (void)n;
    return channel;
}

bool cuda_relayout_any_emit(Emit *e, Kern *k)
{
    const Node *y = k->group->root;
    const Layout *l = &y->layout;
    bool is_plain = l->kind == LAYOUT_PLAIN;
    int64_t blocks = layout_rows(l, y->shape);
    int64_t h = l->top + y->shape.h + l->bottom, w = l->left + y->shape.w + l->right;
    open_moves(e, k, is_plain ? 1 : l->vector, y->shape.n * blocks * h * w, "some channels of one place");
    head_constant(e, "COUNT", y->shape.n * blocks * h * w);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "H", y->shape.h);
    head_constant(e, "W", y->shape.w);
    head_constant(e, "TOP", l->top);
    head_constant(e, "LEFT", l->left);
    head_constant(e, "STORED_H", h);
    head_constant(e, "STORED_W", w);
    if (is_plain)
        head_define(e, "LANES_OF(n, b)", "1");
    else
        head_lanes(e, "LANES_OF", y, LANES_CHANNELS);
    head_channel(e, "CHANNEL_OF", y);
    head_constant(e, "CHANNEL_STEP", head_channel_step(y));
    for (int i = 0; i < origin_count(k->group); i++) {
        char name[HEAD_NAME];
        snprintf(name, sizeof name, "X%d", i);
        cuda_elements(e, name, origin_at(k->group, i).x);
    }
    print_sources(e, k, channel_itself, "GET_X", "OF_X");
    return head_body(e, "cuda/relayout_any.cu");
}
