// Values that only change their shape or place.
#include "evaluate/formulas.h"
#include <string.h>

void formula_same(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    memcpy(y, in[0], (size_t)shape_count(n->shape) * sizeof *y);
}

void formula_accumulate(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    double share = e->is_first ? 1.0 / n->attr.accumulate.batches : 1;
    for (int64_t i = 0; i < shape_count(n->shape); i++)
        y[i] = share * in[0][i];
}

// `count` channels of each image, from channel `from_first` of x to channel `to_first` of y.
static void copy_channels(const double *x, Shape xs, int64_t from_first, double *y, Shape ys,
                          int64_t to_first, int64_t count)
{
    int64_t area = xs.h * xs.w;
    for (int64_t i = 0; i < xs.n; i++)
        memcpy(y + (i * ys.c + to_first) * area, x + (i * xs.c + from_first) * area,
               (size_t)(count * area) * sizeof *y);
}

void formula_concat(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    int64_t first = 0;
    int parts = n->attr.concat.parts ? n->attr.concat.parts : 1;
    for (int k = 0; k < parts; k++)
        for (int i = 0; i < n->inputs; i++) {
            Shape x = n->in[i]->shape;
            int64_t run = x.c / parts;
            copy_channels(in[i], x, k * run, y, n->shape, first, run);
            first += run;
        }
}

void formula_slice(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    copy_channels(in[0], n->in[0]->shape, n->attr.slice.first, y, n->shape, 0, n->shape.c);
}

void formula_embed(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    memset(y, 0, (size_t)shape_count(n->shape) * sizeof *y);
    Shape x = n->in[0]->shape;
    copy_channels(in[0], x, 0, y, n->shape, n->attr.slice.first, x.c);
}

void formula_batch_concat(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    for (int i = 0; i < n->inputs; i++) {
        int64_t count = shape_count(n->in[i]->shape);
        memcpy(y, in[i], (size_t)count * sizeof *y);
        y += count;
    }
}

void formula_batch_slice(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    memcpy(y, in[0] + n->attr.slice.first * shape_item(n->shape), (size_t)shape_count(n->shape) * sizeof *y);
}

void formula_batch_embed(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    memset(y, 0, (size_t)shape_count(n->shape) * sizeof *y);
    memcpy(y + n->attr.slice.first * shape_item(n->shape), in[0],
           (size_t)shape_count(n->in[0]->shape) * sizeof *y);
}
