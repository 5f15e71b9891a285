// Pooling and response normalisation.
#include "evaluate/formulas.h"
#include <math.h>
#include <string.h>

// A clipped window: rows [top, bottom), columns [left, right) of the map.
typedef struct { int64_t top, bottom, left, right; } Clip;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static Clip clip(const Window *w, Shape x, int64_t oh, int64_t ow)
{
    int64_t top = oh * w->stride_h - w->pad_top, left = ow * w->stride_w - w->pad_left;
    return (Clip){ most(top, 0), least(top + w->kernel_h, x.h),
                   most(left, 0), least(left + w->kernel_w, x.w) };
}

static int64_t place_of_maximum(const double *map, int64_t width, Clip c)
{
    int64_t best = c.top * width + c.left;
    for (int64_t h = c.top; h < c.bottom; h++)
        for (int64_t w = c.left; w < c.right; w++)
            if (map[h * width + w] > map[best])
                best = h * width + w;
    return best;
}

static double sum_of(const double *map, int64_t width, Clip c)
{
    double sum = 0;
    for (int64_t h = c.top; h < c.bottom; h++)
        for (int64_t w = c.left; w < c.right; w++)
            sum += map[h * width + w];
    return sum;
}

static double area_of(Clip c)
{
    return (double)((c.bottom - c.top) * (c.right - c.left));
}

#define EACH_MAP(m, s)   for (int64_t m = 0; m < (s).n * (s).c; m++)
#define EACH_PIXEL(s, h, w)              \
    for (int64_t h = 0; h < (s).h; h++)  \
        for (int64_t w = 0; w < (s).w; w++)

void formula_max_pool(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    Shape x = n->in[0]->shape, s = n->shape;
    EACH_MAP(m, s)
        EACH_PIXEL(s, h, w) {
            const double *map = in[0] + m * x.h * x.w;
            int64_t place = place_of_maximum(map, x.w, clip(&n->attr.pool.window, x, h, w));
            *y++ = map[place];
            decide(e, place);
        }
}

// in: dy, x.
void formula_max_pool_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    Shape x = n->shape, s = n->in[0]->shape;
    const double *dy = in[0];
    memset(dx, 0, (size_t)shape_count(x) * sizeof *dx);
    EACH_MAP(m, s)
        EACH_PIXEL(s, h, w) {
            Clip c = clip(&n->attr.pool.window, x, h, w);
            dx[m * x.h * x.w + place_of_maximum(in[1] + m * x.h * x.w, x.w, c)] += *dy++;
        }
}

void formula_mean_pool(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    Shape x = n->in[0]->shape, s = n->shape;
    EACH_MAP(m, s)
        EACH_PIXEL(s, h, w) {
            Clip c = clip(&n->attr.pool.window, x, h, w);
            *y++ = sum_of(in[0] + m * x.h * x.w, x.w, c) / area_of(c);
        }
}

void formula_mean_pool_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    Shape x = n->shape, s = n->in[0]->shape;
    const double *dy = in[0];
    memset(dx, 0, (size_t)shape_count(x) * sizeof *dx);
    EACH_MAP(m, s)
        EACH_PIXEL(s, h, w) {
            Clip c = clip(&n->attr.pool.window, x, h, w);
            double share = *dy++ / area_of(c);
            for (int64_t ih = c.top; ih < c.bottom; ih++)
                for (int64_t iw = c.left; iw < c.right; iw++)
                    dx[(m * x.h + ih) * x.w + iw] += share;
        }
}

// --- normalisation: alexnet.md section 2 ---------------------------------------------------------

// The elements that element i is normalised by, as offsets from the start of its tensor.
typedef struct { int64_t first, count, step, rows, row_step; } Neighbours;

// Channels c - size/2 .. c + size/2 at the same pixel, within the channel's run.
static Neighbours channels_around(const Node *n, int64_t i)
{
    Shape s = n->shape;
    int64_t area = s.h * s.w, half = n->attr.lrn.size / 2, c = i / area % s.c;
    int64_t run = s.c / most(n->attr.lrn.parts, 1), start = c / run * run;
    int64_t low = most(c - half, start), high = least(c + half, start + run - 1);
    return (Neighbours){ i + (low - c) * area, high - low + 1, area, 1, 0 };
}

// Rows h - size/2 .. h + size/2, columns likewise, within the map.
static Neighbours pixels_around(const Node *n, int64_t i)
{
    Shape s = n->shape;
    int64_t half = n->attr.lrn.size / 2, h = i / s.w % s.h, w = i % s.w;
    int64_t top = most(h - half, 0), bottom = least(h + half, s.h - 1);
    int64_t left = most(w - half, 0), right = least(w + half, s.w - 1);
    int64_t first = i + (top - h) * s.w + left - w;
    return (Neighbours){ first, right - left + 1, 1, bottom - top + 1, s.w };
}

typedef Neighbours Around(const Node *n, int64_t i);

static double denominator(const Node *n, const double *x, Neighbours a)
{
    double sum = 0;
    for (int64_t r = 0; r < a.rows; r++)
        for (int64_t j = 0; j < a.count; j++) {
            double v = x[a.first + r * a.row_step + j * a.step];
            sum += v * v;
        }
    return n->attr.lrn.k + n->attr.lrn.alpha * sum;
}

static void normalise(const Node *n, const double *x, double *y, Around *around)
{
    for (int64_t i = 0; i < shape_count(n->shape); i++)
        y[i] = x[i] * pow(denominator(n, x, around(n, i)), -n->attr.lrn.beta);
}

// dx_i = g_i d_i^-b - 2 a b x_i * sum over j of g_j y_j / d_j, y_j = x_j d_j^-b.
static void normalise_back(const Node *n, const double *g, const double *x, double *dx,
                           Around *around)
{
    double a = n->attr.lrn.alpha, b = n->attr.lrn.beta;
    for (int64_t i = 0; i < shape_count(n->shape); i++) {
        Neighbours near = around(n, i);
        double sum = 0;
        for (int64_t r = 0; r < near.rows; r++)
            for (int64_t k = 0; k < near.count; k++) {
                int64_t j = near.first + r * near.row_step + k * near.step;
                sum += g[j] * x[j] * pow(denominator(n, x, around(n, j)), -b - 1);
            }
        dx[i] = g[i] * pow(denominator(n, x, near), -b) - 2 * a * b * x[i] * sum;
    }
}

void formula_lrn(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    normalise(n, in[0], y, channels_around);
}

void formula_lrn_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    normalise_back(n, in[0], in[1], dx, channels_around);
}

void formula_lrn_map(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    normalise(n, in[0], y, pixels_around);
}

void formula_lrn_map_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    normalise_back(n, in[0], in[1], dx, pixels_around);
}
