// In: a pool, its input, places. Out: whether they are those of the maxima.
#include "reference/cuda_places.h"
#include <math.h>

// Kernels normalise in floats before they compare.
#define NEAR 2e-6

typedef struct { const Node *pool; const double *in; int64_t n, c, y, x; } Pixel;

// The value of tap (i, j); NAN beside the map.
static double tap(const Pixel *p, int64_t i, int64_t j)
{
    const Window *w = &p->pool->attr.pool.window;
    Shape s = p->pool->in[0]->shape;
    int64_t y = p->y * w->stride_h - w->pad_top + i, x = p->x * w->stride_w - w->pad_left + j;
    if (y < 0 || y >= s.h || x < 0 || x >= s.w)
        return (double)NAN;
    return p->in[((p->n * s.c + p->c) * s.h + y) * s.w + x];
}

static bool is_right(const Pixel *p, int place)
{
    const Window *w = &p->pool->attr.pool.window;
    if (place >= w->kernel_h * w->kernel_w)
        return false;
    double own = tap(p, place / w->kernel_w, place % w->kernel_w);
    if (!(own == own))
        return false;
    for (int k = 0; k < w->kernel_h * w->kernel_w; k++) {
        double v = tap(p, k / w->kernel_w, k % w->kernel_w);
        if (v > own + NEAR * fabs(own) || (v == own && k < place))
            return false;
    }
    return true;
}

int64_t cuda_places_wrong(const Node *pool, const double *in, const uint8_t *places)
{
    Layout l = layout_compact(pool->layout);
    Shape s = pool->shape;
    int64_t index = 0;
    for (int64_t n = 0; n < s.n; n++)
        for (int64_t c = 0; c < s.c; c++)
            for (int64_t y = 0; y < s.h; y++)
                for (int64_t x = 0; x < s.w; x++, index++) {
                    Pixel p = { pool, in, n, c, y, x };
                    if (!is_right(&p, places[layout_address(&l, s, n, c, y, x)]))
                        return index;
                }
    return -1;
}
