// Windows as the user sees them: faults with their arithmetic, and how a window is printed.
#include "ops/ops.h"

static bool check_numbers(Graph *g, const Node *n, const Window *w, const char *what)
{
    if (w->kernel_h < 1 || w->kernel_w < 1)
        return op_fault(g, n, "E305", "a %s of %dx%d has no elements", what, w->kernel_h,
                        w->kernel_w);
    if (w->stride_h < 1 || w->stride_w < 1)
        return op_fault(g, n, "E305", "a stride must be at least 1, not %d",
                        w->stride_h < 1 ? w->stride_h : w->stride_w);
    if (w->dilation_h < 1 || w->dilation_w < 1)
        return op_fault(g, n, "E305", "a dilation must be at least 1, not %d",
                        w->dilation_h < 1 ? w->dilation_h : w->dilation_w);
    if (w->pad_top < 0 || w->pad_left < 0 || w->pad_bottom < 0 || w->pad_right < 0)
        return op_fault(g, n, "E305", "padding cannot be negative");
    return true;
}

// "height: 5 + 0 + 0 - 11 = -6"
static void explain_axis(Graph *g, const char *axis, int64_t size, int before, int after,
                         int kernel, int dilation)
{
    int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
    const char *reads = dilation > 1
        ? arena_printf(g->arena, "%lld (%d taps, %d apart)", (long long)extent, kernel, dilation)
        : arena_printf(g->arena, "%lld", (long long)extent);
    diag_detail(g->diag, "%s: %lld + %d + %d - %s = %lld", axis, (long long)size, before, after,
                reads, (long long)(size + before + after - extent));
}

bool window_check(Graph *g, const Node *n, const Window *w, Shape in, const char *what)
{
    if (!check_numbers(g, n, w, what))
        return false;
    bool high = window_outputs_h(w, in.h) < 1, wide = window_outputs_w(w, in.w) < 1;
    if (!high && !wide)
        return true;
    bool padded = w->pad_top || w->pad_left || w->pad_bottom || w->pad_right;
    char text[SHAPE_TEXT];
    op_fault(g, n, "E302", "the %s of %dx%d is larger than the%s map of %s", what, w->kernel_h,
             w->kernel_w, padded ? " padded" : "", shape_text(text, in));
    if (high)
        explain_axis(g, "height", in.h, w->pad_top, w->pad_bottom, w->kernel_h, w->dilation_h);
    if (wide)
        explain_axis(g, "width", in.w, w->pad_left, w->pad_right, w->kernel_w, w->dilation_w);
    return false;
}

Shape window_shape(const Window *w, Shape in, int64_t channels)
{
    return (Shape){ in.n, channels, window_outputs_h(w, in.h), window_outputs_w(w, in.w) };
}

static void print_pair(FILE *out, const char *word, int h, int w, int usual)
{
    if (h == usual && w == usual)
        return;
    if (h == w)
        fprintf(out, " %s %d", word, h);
    else
        fprintf(out, " %s %dx%d", word, h, w);
}

void window_print(const Window *w, FILE *out)
{
    fprintf(out, "%dx%d", w->kernel_h, w->kernel_w);
    print_pair(out, "stride", w->stride_h, w->stride_w, 1);
    print_pair(out, "dilation", w->dilation_h, w->dilation_w, 1);
    if (w->pad_top == w->pad_bottom && w->pad_left == w->pad_right)
        print_pair(out, "pad", w->pad_top, w->pad_left, 0);
    else
        fprintf(out, " pad %d,%d,%d,%d", w->pad_top, w->pad_left, w->pad_bottom, w->pad_right);
    if (w->round_up)
        fputs(" round up", out);
}
