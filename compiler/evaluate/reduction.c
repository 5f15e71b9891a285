// Sums over channels, pixels and images: softmax, the loss, metrics, gradients of biases.
#include "evaluate/formulas.h"
#include <math.h>
#include <string.h>

void formula_bias_dw(Evaluator *e, const Node *n, const double *const *in, double *db)
{
    (void)e;
    Shape s = n->in[0]->shape;
    memset(db, 0, (size_t)s.c * sizeof *db);
    for (int64_t i = 0; i < shape_count(s); i++)
        db[i / (s.h * s.w) % s.c] += in[0][i];
}

void formula_place_bias_dw(Evaluator *e, const Node *n, const double *const *in, double *db)
{
    (void)e;
    Shape s = n->in[0]->shape;
    memset(db, 0, (size_t)shape_item(s) * sizeof *db);
    for (int64_t i = 0; i < shape_count(s); i++)
        db[i % shape_item(s)] += in[0][i];
}

// Offset of channel 0 of pixel p: pixels of an image, then images. Channels are `area` apart.
static int64_t first_of(Shape s, int64_t p)
{
    int64_t area = s.h * s.w;
    return p / area * s.c * area + p % area;
}

static double largest(const double *x, int64_t count, int64_t step)
{
    double m = x[0];
    for (int64_t c = 1; c < count; c++)
        m = x[c * step] > m ? x[c * step] : m;
    return m;
}

static double sum_of_exp(const double *x, int64_t count, int64_t step, double m)
{
    double sum = 0;
    for (int64_t c = 0; c < count; c++)
        sum += exp(x[c * step] - m);
    return sum;
}

void formula_softmax(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Shape s = n->shape;
    int64_t step = s.h * s.w;
    for (int64_t p = 0; p < s.n * step; p++) {
        const double *x = in[0] + first_of(s, p);
        double m = largest(x, s.c, step), sum = sum_of_exp(x, s.c, step, m);
        for (int64_t c = 0; c < s.c; c++)
            y[first_of(s, p) + c * step] = exp(x[c * step] - m) / sum;
    }
}

void formula_softmax_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    Shape s = n->shape;
    int64_t step = s.h * s.w;
    for (int64_t p = 0; p < s.n * step; p++) {
        int64_t at = first_of(s, p);
        double dot = 0;
        for (int64_t c = 0; c < s.c; c++)
            dot += in[0][at + c * step] * in[1][at + c * step];
        for (int64_t c = 0; c < s.c; c++)
            dx[at + c * step] = in[1][at + c * step] * (in[0][at + c * step] - dot);
    }
}

// in: scores, labels.
void formula_cross_entropy(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    int64_t classes = n->in[0]->shape.c;
    for (int64_t i = 0; i < n->shape.n; i++) {
        const double *z = in[0] + i * classes;
        double m = largest(z, classes, 1);
        y[i] = in[1][i] < 0 ? 0 : log(sum_of_exp(z, classes, 1, m)) - (z[(int64_t)in[1][i]] - m);
    }
}

void formula_cross_entropy_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    int64_t classes = n->shape.c;
    for (int64_t i = 0; i < n->shape.n; i++) {
        const double *z = in[0] + i * classes;
        double m = largest(z, classes, 1), sum = sum_of_exp(z, classes, 1, m);
        for (int64_t c = 0; c < classes; c++) {
            double p = exp(z[c] - m) / sum;
            dx[i * classes + c] = in[1][i] < 0 ? 0 : (p - (c == in[1][i])) / (double)n->shape.n;
        }
    }
}

// The share of orders among equal scores that put the label among the first k.
void formula_top(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    int64_t classes = n->in[0]->shape.c;
    for (int64_t i = 0; i < n->shape.n; i++) {
        const double *z = in[0] + i * classes;
        double greater = 0, equal = 0;
        for (int64_t c = 0; in[1][i] >= 0 && c < classes; c++) {
            greater += z[c] > z[(int64_t)in[1][i]];
            equal += z[c] == z[(int64_t)in[1][i]];
        }
        y[i] = equal > 0 ? fmin(1, fmax(0, (n->attr.top.k - greater) / equal)) : 0;
    }
}
