// Every body of convolutions against plain double loops, on many shapes, for every instruction set
// this machine runs: pieces, halos, parts of blocks, groups, strides, dilations.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "reference/kernel_case.h"
#include <math.h>
#include <string.h>

// --- cases --------------------------------------------------------------------------------------

typedef struct {
    int n, c, h, w, k, r, s;                 // batch, input, filters
    int stride_h, stride_w, dilation_h, dilation_w, top, left, bottom, right, groups;
    int piece;                               // channels of the input's first piece; 0: one piece
    bool plain;
} ConvCase;

static const ConvCase conv_cases[] = {
    { 2, 3, 19, 31, 40, 11, 11, 4, 4, 1, 1, 0, 0, 3, 3, 1, 0, true },    // AlexNet's first, cut down
    { 2, 1, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, true },        // digits
    { 1, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, false },
    { 2, 16, 9, 27, 32, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1, 0, false },
    { 1, 64, 5, 6, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0, false },      // groups of whole blocks
    { 2, 8, 6, 6, 12, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 4, 0, false },       // ... of parts of blocks
    { 2, 10, 9, 7, 17, 3, 2, 1, 1, 1, 1, 1, 0, 1, 1, 1, 3, false },      // pieces, part blocks
    { 1, 48, 7, 9, 33, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 20, false },     // 1x1
    { 2, 20, 11, 12, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0, false },    // stride 2
    { 1, 16, 14, 13, 16, 5, 4, 3, 2, 1, 1, 2, 1, 0, 2, 1, 0, false },    // strides differ
    { 1, 16, 15, 15, 20, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3, 1, 0, false },    // dilation
    { 1, 16, 17, 17, 16, 3, 3, 2, 4, 3, 2, 3, 2, 3, 2, 1, 0, false },    // both
    { 1, 16, 7, 7, 16, 1, 1, 2, 3, 1, 1, 0, 0, 0, 0, 1, 0, false },      // outputs that no tap sees
    { 1, 4, 5, 40, 80, 2, 7, 1, 1, 1, 1, 0, 3, 0, 3, 1, 0, false },
};
enum { CONV_CASES = sizeof conv_cases / sizeof conv_cases[0], CONV_RANDOM = 6 };

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static int between(unsigned *seed, int least, int most)
{
    return least + (int)(next(seed) % (unsigned)(most - least + 1));
}

static ConvCase random_case(unsigned seed)
{
    ConvCase c = { .n = between(&seed, 1, 3), .r = between(&seed, 1, 5), .s = between(&seed, 1, 5) };
    c.groups = between(&seed, 0, 3) ? 1 : 2;
    c.c = c.groups * between(&seed, 1, 20);
    c.k = c.groups * between(&seed, 1, 36);
    c.stride_h = between(&seed, 1, 3);
    c.stride_w = between(&seed, 1, 3);
    c.dilation_h = between(&seed, 1, 2);
    c.dilation_w = between(&seed, 1, 2);
    c.h = (c.r - 1) * c.dilation_h + between(&seed, 1, 4);
    c.w = (c.s - 1) * c.dilation_w + between(&seed, 1, 16);
    c.top = between(&seed, 0, c.r - 1);
    c.left = between(&seed, 0, c.s - 1);
    c.bottom = between(&seed, 0, c.r - 1);
    c.right = between(&seed, 0, c.s - 1);
    c.piece = c.groups == 1 && c.c > 4 && between(&seed, 0, 1) ? between(&seed, 1, c.c - 1) : 0;
    return c;
}

static ConvCase conv_case(int i)
{
    return i < CONV_CASES ? conv_cases[i] : random_case((unsigned)i * 7919u);
}

static Window window_of(const ConvCase *c)
{
    return (Window){ c->r, c->s, c->stride_h, c->stride_w, c->dilation_h, c->dilation_w,
                     c->top, c->left, c->bottom, c->right, false };
}

static Shape x_shape(const ConvCase *c) { return (Shape){ c->n, c->c, c->h, c->w }; }
static Shape w_shape(const ConvCase *c) { return (Shape){ c->k, c->c / c->groups, c->r, c->s }; }
static Shape y_shape(const ConvCase *c)
{
    Window w = window_of(c);
    return (Shape){ c->n, c->k, window_outputs_h(&w, c->h), window_outputs_w(&w, c->w) };
}

// --- references ---------------------------------------------------------------------------------

static int64_t at(Shape s, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return ((n * s.c + c) * s.h + h) * s.w + w;
}

typedef void Visit(void *context, int64_t x, int64_t w, int64_t y);

// Calls `visit` with the indices of every product of a convolution.
static void each_product(const ConvCase *c, Visit *visit, void *context)
{
    Shape xs = x_shape(c), ws = w_shape(c), ys = y_shape(c);
    for (int64_t n = 0; n < ys.n; n++)
        for (int64_t k = 0; k < ys.c; k++)
            for (int64_t y = 0; y < ys.h; y++)
                for (int64_t x = 0; x < ys.w; x++)
                    for (int64_t i = 0; i < ws.c * ws.h * ws.w; i++) {
                        int64_t ci = i / (ws.h * ws.w), r = i / ws.w % ws.h, s = i % ws.w;
                        int64_t iy = y * c->stride_h - c->top + r * c->dilation_h;
                        int64_t ix = x * c->stride_w - c->left + s * c->dilation_w;
                        int64_t first = k / (c->k / c->groups) * ws.c;
                        if (iy >= 0 && ix >= 0 && iy < xs.h && ix < xs.w)
                            visit(context, at(xs, n, first + ci, iy, ix), at(ws, k, ci, r, s),
                                  at(ys, n, k, y, x));
                    }
}

typedef struct { const float *x, *w, *y; double *sum; } Sums;
static void sum_forward(void *p, int64_t x, int64_t w, int64_t y)
{
    Sums *s = p;
    s->sum[y] += (double)s->x[x] * (double)s->w[w];
}
static void sum_dx(void *p, int64_t x, int64_t w, int64_t y)
{
    Sums *s = p;
    s->sum[x] += (double)s->y[y] * (double)s->w[w];
}
static void sum_dw(void *p, int64_t x, int64_t w, int64_t y)
{
    Sums *s = p;
    s->sum[w] += (double)s->x[x] * (double)s->y[y];
}

// --- convolutions -------------------------------------------------------------------------------

typedef struct { ConvCase of; KernelCase *forward, *dx, *dw, *flip; } ConvKernels;

static void set_pieces(Node *n, const ConvCase *c)
{
    if (c->piece)
        n->layout.pieces = (Pieces){ 2, { c->piece, c->c - c->piece } };
}

static Node *conv_input(KernelCase *k, const ConvCase *c, int vector)
{
    Window w = window_of(c);
    Node *x = case_node(k, OP_INPUT, x_shape(c), c->plain ? LAYOUT_PLAIN : LAYOUT_BLOCKED, vector,
                        NULL, NULL);
    set_pieces(x, c);
    x->layout.top = c->top;
    x->layout.left = c->left + 1;                    // halos may be larger than needed
    x->layout.bottom = (int)window_reach_h(&w, c->h);
    x->layout.right = (int)window_reach_w(&w, c->w);
    return x;
}

static void conv_weights_layout(Node *w, const ConvCase *c)
{
    if (c->groups == 1 && !c->plain)
        set_pieces(w, c);
}

static LayoutKind filters_kind(const ConvCase *c) { return c->plain ? LAYOUT_FILTERS_IN : LAYOUT_FILTERS; }

static Node *conv_weights(KernelCase *k, const ConvCase *c, int vector)
{
    Node *w = case_node(k, OP_PARAM, w_shape(c), filters_kind(c), vector, NULL, NULL);
    conv_weights_layout(w, c);
    return w;
}

static void add_forward(KernelUnitCase *u, ConvKernels *all, const char *body)
{
    const ConvCase *c = &all->of;
    int v = u->target->vector;
    KernelCase *k = all->forward = case_new(u);
    Node *x = conv_input(k, c, v), *w = conv_weights(k, c, v);
    Node *b = case_node(k, OP_PARAM, (Shape){ 1, c->k, 1, 1 }, LAYOUT_BLOCKED, v, NULL, NULL);
    Node *y = case_node(k, OP_CONV, y_shape(c), LAYOUT_BLOCKED, v, x, w);
    y->attr.conv = (ConvAttr){ c->groups, window_of(c) };
    Node *epilogue[] = { case_node(k, OP_BIAS, y->shape, LAYOUT_BLOCKED, v, y, b), NULL };
    epilogue[1] = case_node(k, OP_RELU, y->shape, LAYOUT_BLOCKED, v, epilogue[0], NULL);
    epilogue[1]->layout.top = epilogue[1]->layout.right = y->layout.top = y->layout.right = 2;
    if (!case_emit(u, k, y, epilogue, 2, body))
        fail_msg("%s", u->err);
}

// The layout of weights flipped for an input gradient; false: their groups are not whole blocks.
static bool can_flip(const ConvCase *c, int v)
{
    return c->groups == 1 || (c->c / c->groups % v == 0 && c->k / c->groups % v == 0);
}

static Node *flipped(KernelCase *k, const ConvCase *c, int vector, Node *w)
{
    Shape s = { c->c, c->k / c->groups, c->r, c->s };
    Node *n = case_node(k, OP_FLIP, s, LAYOUT_FILTERS, vector, w, NULL);
    n->attr.conv = (ConvAttr){ c->groups, window_of(c) };
    n->layout.pieces = w->layout.pieces_out;
    n->layout.pieces_out = w->layout.pieces;
    return n;
}

static int at_least(int64_t a) { return a > 0 ? (int)a : 0; }

static void add_dx(KernelUnitCase *u, ConvKernels *all, const char *body)
{
    const ConvCase *c = &all->of;
    int v = u->target->vector;
    KernelCase *k = all->dx = case_new(u);
    Shape ys = y_shape(c);
    Node *dy = case_node(k, OP_INPUT, ys, LAYOUT_BLOCKED, v, NULL, NULL);
    dy->layout.top = at_least(((c->r - 1) * c->dilation_h - c->top) / c->stride_h);
    dy->layout.left = at_least(((c->s - 1) * c->dilation_w - c->left) / c->stride_w);
    dy->layout.bottom = at_least((c->h - 1 + c->top) / c->stride_h - (ys.h - 1));
    dy->layout.right = at_least((c->w - 1 + c->left) / c->stride_w - (ys.w - 1));
    Node *w = conv_weights(k, c, v);
    if (can_flip(c, v))
        w = flipped(k, c, v, w);
    Node *dx = case_node(k, OP_CONV_DX, x_shape(c), LAYOUT_BLOCKED, v, dy, w);
    set_pieces(dx, c);
    dx->layout.top = 1;
    dx->attr.conv = (ConvAttr){ c->groups, window_of(c) };
    if (!case_emit(u, k, dx, NULL, 0, body))
        fail_msg("%s", u->err);
}

static void add_flip(KernelUnitCase *u, ConvKernels *all)
{
    const ConvCase *c = &all->of;
    if (!can_flip(c, u->target->vector))
        return;
    KernelCase *k = all->flip = case_new(u);
    Node *n = flipped(k, c, u->target->vector, conv_weights(k, c, u->target->vector));
    if (!case_emit(u, k, n, NULL, 0, "flip"))
        fail_msg("%s", u->err);
}

static void add_dw(KernelUnitCase *u, ConvKernels *all, const char *body)
{
    const ConvCase *c = &all->of;
    int v = u->target->vector;
    KernelCase *k = all->dw = case_new(u);
    Node *x = conv_input(k, c, v);
    Node *dy = case_node(k, OP_INPUT, y_shape(c), LAYOUT_BLOCKED, v, NULL, NULL);
    dy->layout.top = dy->layout.left = 1;
    Node *dw = case_node(k, OP_CONV_DW, w_shape(c), filters_kind(c), v, x, dy);
    conv_weights_layout(dw, c);
    dw->attr.conv = (ConvAttr){ c->groups, window_of(c) };
    if (!case_emit(u, k, dw, NULL, 0, body))
        fail_msg("%s", u->err);
}


static void check_forward(KernelUnitCase *u, const ConvKernels *all)
{
    KernelCase *k = all->forward;
    Node *y = k->group.root, *last = k->group.nodes[2];
    Sums s = { .x = case_fill(u, k, y->in[0], 1), .w = case_fill(u, k, y->in[1], 2),
               .sum = case_zeros(u, y->shape) };
    float *bias = case_fill(u, k, k->group.nodes[1]->in[1], 3);
    each_product(&all->of, sum_forward, &s);
    for (int64_t i = 0; i < shape_count(y->shape); i++)
        s.sum[i] = fmax(0, s.sum[i] + (double)bias[i / (y->shape.h * y->shape.w) % y->shape.c]);
    case_run(u, k, NULL);
    case_check(u, k, last, s.sum, "forward");
}

// Dense flipped weights.
static float *flip(KernelUnitCase *u, const ConvCase *c, const float *w)
{
    Shape ws = w_shape(c), fs = { c->c, c->k / c->groups, c->r, c->s };
    float *out = ARENA_ARRAY(u->arena, float, shape_count(fs));
    for (int64_t k = 0; k < ws.n; k++)
        for (int64_t i = 0; i < ws.c; i++)
            for (int64_t r = 0; r < ws.h; r++)
                for (int64_t s = 0; s < ws.w; s++)
                    out[at(fs, k / fs.c * ws.c + i, k % fs.c, ws.h - 1 - r, ws.w - 1 - s)] =
                        w[at(ws, k, i, r, s)];
    return out;
}

static void check_dx(KernelUnitCase *u, const ConvKernels *all)
{
    KernelCase *k = all->dx;
    Node *dx = k->group.root, *w = dx->in[1];
    Sums s = { .y = case_fill(u, k, dx->in[0], 4), .sum = case_zeros(u, dx->shape) };
    s.w = case_fill(u, k, w->op == OP_FLIP ? w->in[0] : w, 5);
    if (w->op == OP_FLIP)
        layout_scatter(&w->layout, w->shape, flip(u, &all->of, s.w), case_stored(u, k, w));
    each_product(&all->of, sum_dx, &s);
    case_run(u, k, NULL);
    case_check(u, k, dx, s.sum, "input gradient");
}

static void check_flip(KernelUnitCase *u, const ConvKernels *all)
{
    KernelCase *k = all->flip;
    if (!k)
        return;
    Node *n = k->group.root;
    float *want = flip(u, &all->of, case_fill(u, k, n->in[0], 6));
    case_run(u, k, NULL);
    assert_memory_equal(case_dense(u, k, n), want, (size_t)shape_count(n->shape) * sizeof *want);
}

static void check_dw(KernelUnitCase *u, const ConvKernels *all)
{
    KernelCase *k = all->dw;
    Node *dw = k->group.root;
    Sums s = { .x = case_fill(u, k, dw->in[0], 7), .y = case_fill(u, k, dw->in[1], 8),
               .sum = case_zeros(u, dw->shape) };
    each_product(&all->of, sum_dw, &s);
    case_run(u, k, NULL);
    case_check(u, k, dw, s.sum, "weight gradient");
}

// --- tests --------------------------------------------------------------------------------------

static void run_convolutions(const Target *t, bool any)
{
    Arena arena;
    jmp_buf exhausted;
    assert_int_equal(setjmp(exhausted), 0);
    arena_open(&arena, 0, &exhausted);
    KernelUnitCase *u = ARENA_NEW(&arena, KernelUnitCase);
    unit_open(u, &arena, t);
    ConvKernels *all = ARENA_ARRAY(&arena, ConvKernels, CONV_CASES + CONV_RANDOM);
    for (int i = 0; i < CONV_CASES + CONV_RANDOM; i++) {
        all[i].of = conv_case(i);
        add_forward(u, &all[i], any ? "contraction_any" : NULL);
        add_dw(u, &all[i], any ? "weights_any" : NULL);
        if (all[i].of.plain)
            continue;
        add_dx(u, &all[i], any ? "contraction_any" : NULL);
        if (!any)
            add_flip(u, &all[i]);
    }
    if (!unit_compile(u, NULL))
        fail_msg("%s", u->err);
    for (int i = 0; i < CONV_CASES + CONV_RANDOM; i++) {
        check_forward(u, &all[i]);
        check_dw(u, &all[i]);
        if (all[i].dx)
            check_dx(u, &all[i]);
        check_flip(u, &all[i]);
    }
    // The shapes of AlexNet must never fall back.
    for (int i = 0; i < 4 && !any; i++) {
        assert_string_equal(all[i].forward->body, "conv");
        assert_string_equal(all[i].dw->body, "conv_dw");
    }
    unit_close(u);
    arena_close(&arena);
}

static void bodies_match(void **state)
{
    (void)state;
    case_on_every_target(run_convolutions, false);
}

static void fallbacks_match(void **state)
{
    (void)state;
    case_on_every_target(run_convolutions, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_match),
        cmocka_unit_test(fallbacks_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
