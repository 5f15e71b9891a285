// Shapes and windows: the only place that multiplies dimensions, every product checked.
#include "tensor/shape.h"
#include <stdio.h>

static bool dimension_is_legal(int64_t d)
{
    return d >= 1 && d <= SHAPE_MOST;
}

bool shape_is_legal(Shape s)
{
    int64_t elements, bytes;
    return dimension_is_legal(s.n) && dimension_is_legal(s.c)
        && dimension_is_legal(s.h) && dimension_is_legal(s.w)
        && size_multiply(s.n, s.c, &elements) && size_multiply(elements, s.h, &elements)
        && size_multiply(elements, s.w, &elements)
        && size_multiply(elements, (int64_t)sizeof(float), &bytes) && bytes <= SHAPE_MOST_BYTES;
}

bool shape_equal(Shape a, Shape b)
{
    return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}

int64_t shape_count(Shape s)
{
    return s.n * shape_item(s);
}

int64_t shape_item(Shape s)
{
    return s.c * s.h * s.w;
}

bool size_multiply(int64_t a, int64_t b, int64_t *out)
{
    if (!__builtin_mul_overflow(a, b, out))
        return true;
    *out = 0;
    return false;
}

bool size_add(int64_t a, int64_t b, int64_t *out)
{
    if (!__builtin_add_overflow(a, b, out))
        return true;
    *out = 0;
    return false;
}

int64_t size_round_up(int64_t value, int64_t to)
{
    int64_t rest = value % to;
    return rest ? value + (to - rest) : value;
}

char *shape_text(char *to, Shape s)
{
    // Feature vectors read better without their 1x1: "4096" and "1000".
    if (s.h == 1 && s.w == 1)
        snprintf(to, SHAPE_TEXT, "%lld", (long long)s.c);
    else
        snprintf(to, SHAPE_TEXT, "%lldx%lldx%lld", (long long)s.c, (long long)s.h, (long long)s.w);
    return to;
}

// One axis of a window.
typedef struct { int64_t kernel, stride, dilation, before, after; bool round_up; } Axis;

static Axis axis_h(const Window *w)
{
    return (Axis){ w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, w->pad_bottom,
                   w->round_up };
}

static Axis axis_w(const Window *w)
{
    return (Axis){ w->kernel_w, w->stride_w, w->dilation_w, w->pad_left, w->pad_right,
                   w->round_up };
}

// Distance from the first to one past the last row a window reads. Fits: both factors are ints.
static int64_t axis_extent(Axis a)
{
    return (a.kernel - 1) * a.dilation + 1;
}

static int64_t axis_outputs(Axis a, int64_t size)
{
    if (a.kernel < 1 || a.stride < 1 || a.dilation < 1 || size < 1)
        return 0;
    int64_t room = size + a.before + a.after - axis_extent(a);
    if (room < 0)
        return 0;
    if (!a.round_up)
        return room / a.stride + 1;
    int64_t outputs = (room + a.stride - 1) / a.stride + 1;
    // A window that starts beyond the map would read nothing but padding (Caffe's rule).
    int64_t starts = (size + a.before - 1) / a.stride + 1;
    return outputs < starts ? outputs : starts;
}

static int64_t axis_reach(Axis a, int64_t size)
{
    int64_t outputs = axis_outputs(a, size);
    if (outputs < 1)
        return a.after;
    int64_t end = (outputs - 1) * a.stride - a.before + axis_extent(a);
    int64_t reach = end - size;
    return reach > a.after ? reach : a.after;
}

int64_t window_outputs_h(const Window *w, int64_t height)
{
    return axis_outputs(axis_h(w), height);
}

int64_t window_outputs_w(const Window *w, int64_t width)
{
    return axis_outputs(axis_w(w), width);
}

int64_t window_reach_h(const Window *w, int64_t height)
{
    return axis_reach(axis_h(w), height);
}

int64_t window_reach_w(const Window *w, int64_t width)
{
    return axis_reach(axis_w(w), width);
}

bool window_equal(const Window *a, const Window *b)
{
    return a->kernel_h == b->kernel_h && a->kernel_w == b->kernel_w && a->stride_h == b->stride_h &&
           a->stride_w == b->stride_w && a->dilation_h == b->dilation_h && a->dilation_w == b->dilation_w &&
           a->pad_top == b->pad_top && a->pad_left == b->pad_left && a->pad_bottom == b->pad_bottom &&
           a->pad_right == b->pad_right && a->round_up == b->round_up;
}
