// Convolutions, locally connected and fully connected layers, tap by tap.
#include "evaluate/formulas.h"
#include <string.h>

// One product of a convolution: y[i] needs w[k] times x[j]. Visits all of them.
typedef void Product(double *y, double *x, double *w);

static void forward(double *y, double *x, double *w) { *y += *x * *w; }
static void to_input(double *y, double *x, double *w) { *x += *y * *w; }
static void to_weights(double *y, double *x, double *w) { *w += *y * *x; }

typedef struct {
    Shape         x, y, w;
    const Window *window;
    int64_t       groups;
    bool          is_local;        // each place has its own filters, behind those of the places before it
} Conv;

// All taps of one output pixel within the map.
static void visit_taps(const Conv *c, int64_t image, int64_t k, int64_t oh, int64_t ow, double *y,
                       double *x, double *w, Product *product)
{
    const Window *v = c->window;
    int64_t channels = c->is_local ? c->w.c / (c->y.h * c->y.w) : c->w.c;
    int64_t first = k / (c->y.c / c->groups) * channels;       // first channel of k's group
    int64_t filter = c->is_local ? (oh * c->y.w + ow) * channels : 0;
    double *at = y + ((image * c->y.c + k) * c->y.h + oh) * c->y.w + ow;
    for (int64_t ch = 0; ch < channels; ch++)
        for (int64_t r = 0; r < c->w.h; r++)
            for (int64_t s = 0; s < c->w.w; s++) {
                int64_t ih = oh * v->stride_h - v->pad_top + r * v->dilation_h;
                int64_t iw = ow * v->stride_w - v->pad_left + s * v->dilation_w;
                if (ih < 0 || ih >= c->x.h || iw < 0 || iw >= c->x.w)
                    continue;
                product(at, x + ((image * c->x.c + first + ch) * c->x.h + ih) * c->x.w + iw,
                        w + ((k * c->w.c + filter + ch) * c->w.h + r) * c->w.w + s);
            }
}

static void visit(const Conv *c, double *y, double *x, double *w, Product *product)
{
    for (int64_t image = 0; image < c->y.n; image++)
        for (int64_t k = 0; k < c->y.c; k++)
            for (int64_t oh = 0; oh < c->y.h; oh++)
                for (int64_t ow = 0; ow < c->y.w; ow++)
                    visit_taps(c, image, k, oh, ow, y, x, w, product);
}

static void clear(double *to, Shape s)
{
    memset(to, 0, (size_t)shape_count(s) * sizeof *to);
}

void formula_conv(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->shape, n->in[1]->shape, &n->attr.conv.window,
               n->attr.conv.groups, false };
    clear(y, n->shape);
    visit(&c, y, (double *)in[0], (double *)in[1], forward);
}

// On targets the weights come flipped (OP_FLIP); the formula wants them as they were.
void formula_conv_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    const Node *weights = n->in[1]->op == OP_FLIP ? n->in[1]->in[0] : n->in[1];
    const double *w = n->in[1]->op == OP_FLIP ? e->value[weights->id] : in[1];
    Conv c = { n->shape, n->in[0]->shape, weights->shape, &n->attr.conv.window,
               n->attr.conv.groups, false };
    clear(dx, n->shape);
    visit(&c, (double *)in[0], dx, (double *)w, to_input);
}

void formula_conv_dw(Evaluator *e, const Node *n, const double *const *in, double *dw)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->in[1]->shape, n->shape, &n->attr.conv.window,
               n->attr.conv.groups, false };
    clear(dw, n->shape);
    visit(&c, (double *)in[1], (double *)in[0], dw, to_weights);
}

// w[g*K + k][c][r][s] -> y[g*C + c][k][R-1-r][S-1-s], K and C those of one group.
void formula_flip(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Shape w = n->in[0]->shape;
    int64_t outs = w.n / n->attr.conv.groups;
    for (int64_t k = 0; k < w.n; k++)
        for (int64_t c = 0; c < w.c; c++)
            for (int64_t r = 0; r < w.h; r++)
                for (int64_t s = 0; s < w.w; s++) {
                    int64_t to = ((k / outs * w.c + c) * outs + k % outs) * w.h + (w.h - 1 - r);
                    y[to * w.w + (w.w - 1 - s)] = in[0][((k * w.c + c) * w.h + r) * w.w + s];
                }
}

void formula_local(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->shape, n->in[1]->shape, &n->attr.conv.window, n->attr.conv.groups, true };
    clear(y, n->shape);
    visit(&c, y, (double *)in[0], (double *)in[1], forward);
}

void formula_local_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    Conv c = { n->shape, n->in[0]->shape, n->in[1]->shape, &n->attr.conv.window, n->attr.conv.groups, true };
    clear(dx, n->shape);
    visit(&c, (double *)in[0], dx, (double *)in[1], to_input);
}

void formula_local_dw(Evaluator *e, const Node *n, const double *const *in, double *dw)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->in[1]->shape, n->shape, &n->attr.conv.window, n->attr.conv.groups, true };
    clear(dw, n->shape);
    visit(&c, (double *)in[1], (double *)in[0], dw, to_weights);
}

// A fully connected layer is a convolution whose maps and kernels are 1 x 1.
static const Window pixel = { .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1,
                              .dilation_h = 1, .dilation_w = 1 };

static int64_t fc_groups(const Node *n)
{
    return n->attr.conv.groups > 1 ? n->attr.conv.groups : 1;
}

void formula_fc(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->shape, n->in[1]->shape, &pixel, fc_groups(n), false };
    clear(y, n->shape);
    visit(&c, y, (double *)in[0], (double *)in[1], forward);
}

void formula_fc_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    Conv c = { n->shape, n->in[0]->shape, n->in[1]->shape, &pixel, fc_groups(n), false };
    clear(dx, n->shape);
    visit(&c, (double *)in[0], dx, (double *)in[1], to_input);
}

void formula_fc_dw(Evaluator *e, const Node *n, const double *const *in, double *dw)
{
    (void)e;
    Conv c = { n->in[0]->shape, n->in[1]->shape, n->shape, &pixel, fc_groups(n), false };
    clear(dw, n->shape);
    visit(&c, (double *)in[1], (double *)in[0], dw, to_weights);
}
