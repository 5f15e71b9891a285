// Convolutions on GPUs: forward, input gradient by residue classes of the stride, weight gradient, as
// matrix products over index maps. In: a group rooted at conv, conv_dx or conv_dw; out: a Contraction.
#include "emit/cuda/contraction.h"
#include "emit/cuda/places.h"

typedef struct {
    const Node *x, *w, *y;         // input, filters, output; in gradients the gradients of them
    int64_t in, out;               // channels of a group, padding in
    int groups;
    bool is_run;                   // the taps of a row stand side by side (an image with few channels)
    Windows windows;               // over x; for input gradients over dy
} Conv;

static int groups_of(const Node *n) { return n->attr.conv.groups > 1 ? n->attr.conv.groups : 1; }

// Numbers of a row of taps.
static int64_t run_of(const Conv *c) { return (c->w->shape.w + c->w->layout.right) * c->in; }

// What taps read of `map` besides its own rows and columns; a run has its zeros stored.
static bool reads_beside(const Windows *w)
{
    int64_t low, high;
    axis_range(&w->rows, &low, &high);
    if (low < 0 || high >= w->height)
        return true;
    axis_range(&w->columns, &low, &high);
    return low < 0 || high >= w->width;
}

static bool describe_windows(Conv *c, const Node *n)
{
    const Window *w = &n->attr.conv.window;
    const Node *over = n->op == OP_CONV_DX ? c->y : c->x;
    Shape x = c->x->shape, y = c->y->shape;
    Axis *rows = &c->windows.rows, *columns = &c->windows.columns;
    c->windows = (Windows){ .height = over->shape.h, .width = over->shape.w, .last_row = w->kernel_h - 1,
                            .last_column = w->kernel_w - 1 };
    if (n->op != OP_CONV_DX) {
        *rows = axis_forward(w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, y.h);
        *columns = axis_forward(w->kernel_w, w->stride_w, w->dilation_w, w->pad_left, y.w);
    } else if (!axis_gradient(rows, w->kernel_h, w->stride_h, w->dilation_h, w->pad_top, x.h)
               || !axis_gradient(columns, w->kernel_w, w->stride_w, w->dilation_w, w->pad_left, x.w)) {
        return false;
    }
    c->windows.beside = !c->is_run && reads_beside(&c->windows);
    return windows_bits(&c->windows) != 0;
}

// True if every group's channels of `n` start at whole vectors and stand there as in `part`, or, where
// that is NULL, side by side.
static bool groups_line_up(const Node *n, int groups, const Node *part, int64_t padded)
{
    const Layout *l = &n->layout;
    int64_t channels = n->shape.c / groups;
    if ((groups > 1 && channels % l->vector) || layout_pixel(l, n->shape) != groups * padded)
        return false;
    for (int64_t c = 0; c < n->shape.c; c++) {
        int64_t in_group = c % channels;
        if (part)
            in_group = layout_channel(&part->layout.pieces, in_group, l->vector);
        if (layout_channel(&l->pieces, c, l->vector) != c / channels * padded + in_group)
            return false;
    }
    return true;
}

// Every run starts at a whole vector and ends in its row, all its zeros are stored.
static bool runs_fit(const Conv *c, int vector)
{
    Strides s = strides_of(c->x);
    const Layout *l = &c->x->layout;
    const Axis *rows = &c->windows.rows, *columns = &c->windows.columns;
    int64_t first = s.origin + rows->at[0].start * s.row + columns->at[0].start * s.column;
    int64_t low, high, last = (columns->at[0].outputs - 1) * columns->step + columns->at[0].start;
    axis_range(rows, &low, &high);
    return first % vector == 0 && s.row % vector == 0 && s.item % vector == 0 && columns->in_step == 1
           && columns->step * s.column % vector == 0 && run_of(c) % vector == 0 && -low <= l->top
           && high < c->x->shape.h + l->bottom && -columns->at[0].start <= l->left
           && (last + l->left) * s.column + run_of(c) <= s.row;
}

static bool describe(const Emit *e, Conv *c, const Group *g)
{
    const Node *n = g->root, *out = contraction_output(g);
    *c = (Conv){ .groups = groups_of(n) };
    c->x = n->op == OP_CONV_DX ? n : n->in[0];
    c->w = n->op == OP_CONV_DW ? n : n->in[1];
    c->y = n->op == OP_CONV ? n : n->op == OP_CONV_DX ? n->in[0] : n->in[1];
    int vector = e->target->vector;
    c->is_run = c->x->layout.vector < vector;
    c->in = layout_pixel(&c->w->layout, c->w->shape);
    c->out = size_round_up(c->y->shape.c / c->groups, vector);
    if (!contraction_reads(e, n->in[0]) || !contraction_reads(e, n->in[1]) || out->layout.kind != LAYOUT_NHWC)
        return false;
    if (c->w->layout.vector != c->x->layout.vector || c->y->layout.vector != vector
        || (c->is_run && (n->op == OP_CONV_DX || c->groups > 1)))
        return false;
    return groups_line_up(c->x, c->groups, c->w, c->in) && groups_line_up(c->y, c->groups, NULL, c->out)
           && describe_windows(c, n) && (!c->is_run || runs_fit(c, vector));
}

// --- maps ---------------------------------------------------------------------------------------

static int64_t terms_of(const Conv *c)
{
    return c->is_run ? c->w->shape.h * run_of(c) : windows_most_taps(&c->windows) * c->in;
}

// M(q), the windows of each class, and K(q), `channels` terms of each of its taps.
static void print_windows(Emit *e, const Conv *c, int64_t images, int64_t channels)
{
    map_classes(e, &c->windows);
    int64_t m[AXIS_CLASSES * AXIS_CLASSES], k[AXIS_CLASSES * AXIS_CLASSES];
    const Windows *w = &c->windows;
    for (int q = 0; q < windows_classes(w); q++) {
        const AxisClass *row = &w->rows.at[q / w->columns.classes];
        const AxisClass *column = &w->columns.at[q % w->columns.classes];
        m[q] = images * row->outputs * column->outputs;
        k[q] = c->is_run ? terms_of(c) : (int64_t)row->taps * column->taps * channels;
    }
    map_by_class(e, "M", m, windows_classes(w));
    map_by_class(e, "K", k, windows_classes(w));
}

static void print_forward_sizes(Emit *e, const void *of)
{
    const Conv *c = of;
    print_windows(e, c, c->y->shape.n, c->in);
}

static void print_input_sizes(Emit *e, const void *of)
{
    const Conv *c = of;
    print_windows(e, c, c->x->shape.n, c->out);
}

static void print_weight_sizes(Emit *e, const void *of)
{
    const Conv *c = of;
    map_classes(e, &c->windows);
    head_constant(e, "M(q)", c->y->shape.c / c->groups);
    head_constant(e, "K(q)", c->y->shape.n * c->y->shape.h * c->y->shape.w);
}

static void print_forward_filters(Emit *e, const Conv *c)
{
    int64_t filter = layout_item(&c->w->layout, c->w->shape), filters = c->y->shape.c / c->groups;
    map_rows(e, "B_N", filters, filter, filters * filter, false);
    map_rows(e, "B_K", terms_of(c), 1, 0, true);
}

static void print_gradient_filters(Emit *e, const Conv *c)
{
    Strides w = strides_of(c->w);
    map_rows(e, "B_N", c->in, 1, 0, false);
    map_filters(e, "B_K", &c->windows, c->out, c->y->shape.c / c->groups, &w);
}

static void print_forward(Emit *e, const void *of)
{
    const Conv *c = of;
    Strides x = strides_of(c->x);
    map_windows(e, "A_M", &c->windows, c->y->shape.n, &x, c->in);
    map_taps(e, "A_K", &c->windows, c->is_run ? run_of(c) : c->in, &x, c->is_run);
    print_forward_filters(e, c);
}

static void print_input_gradient(Emit *e, const void *of)
{
    const Conv *c = of;
    Strides y = strides_of(c->y);
    map_windows(e, "A_M", &c->windows, c->x->shape.n, &y, c->out);
    map_taps(e, "A_K", &c->windows, c->out, &y, false);
    print_gradient_filters(e, c);
}

// --- patches ------------------------------------------------------------------------------------

static const Node *patch_map(const Conv *c) { return c->x->op == OP_CONV_DX ? c->y : c->x; }

// Rows of taps, which stand side by side, of windows over an image.
static CudaPatch patch_of_runs(const Conv *c)
{
    const Windows *w = &c->windows;
    Strides s = strides_of(c->x);
    int64_t columns = w->columns.at[0].outputs, rows = w->rows.at[0].outputs;
    int64_t step = w->columns.step * s.column, down = w->rows.step * s.row;
    if (down < columns * step || s.item < rows * down)
        return (CudaPatch){ 0 };
    return (CudaPatch){ .is_run = true, .taps = windows_row_taps(w), .channels = run_of(c), .step = step,
                        .reach = (windows_row_taps(w) - 1) * w->rows.in_step * s.row + run_of(c) - 1,
                        .columns = columns, .outputs = rows * columns, .row_gap = down - columns * step,
                        .image_gap = s.item - rows * down };
}

// All taps of all windows, where these go from pixel to pixel of a map whose pixels stand one after the
// other; taps 0: they do not.
static CudaPatch patch_of(const Conv *c, int64_t channels)
{
    const Windows *w = &c->windows;
    Strides s = strides_of(patch_map(c));
    int64_t columns = w->columns.at[0].outputs, rows = w->rows.at[0].outputs;
    bool is_dense = s.row == w->width * s.column && s.item == w->height * s.row;
    if (c->is_run)
        return patch_of_runs(c);
    if (!is_dense || windows_classes(w) > 1 || w->rows.step > 1 || w->columns.step > 1
        || columns > w->width || rows > w->height)
        return (CudaPatch){ 0 };
    int64_t down = (int64_t)(windows_row_taps(w) - 1) * w->rows.in_step;
    int64_t across = (int64_t)(windows_column_taps(w) - 1) * w->columns.in_step;
    return (CudaPatch){ .taps = (int)windows_most_taps(w), .channels = channels, .step = 1,
                        .reach = down * w->width + across, .columns = columns, .outputs = rows * columns,
                        .row_gap = w->width - columns, .image_gap = (w->height - rows) * w->width };
}

static void print_patch(Emit *e, const Conv *c, int64_t images, int64_t channels)
{
    const Windows *w = &c->windows;
    Strides s = strides_of(patch_map(c));
    if (c->is_run) {
        map_windows(e, "PATCH_M", w, images, &s, 0);
        head_constant(e, "RUN_ROW", w->rows.in_step * s.row);
        head_constant(e, "IMAGE_CHUNKS", images * s.item / e->target->vector);
        return;
    }
    Strides pixels = { .item = w->height * w->width, .row = w->width, .column = 1 };
    map_windows(e, "PATCH_M", w, images, &pixels, 0);
    map_taps(e, "PATCH_TAP", w, 1, &pixels, false);
    head_constant(e, "PIXELS", images * w->height * w->width);
    head_constant(e, "ORIGIN", s.origin);
    head_constant(e, "COLUMN", s.column);
    head_constant(e, "GROUP", channels);
}

static void print_forward_patch(Emit *e, const void *of)
{
    const Conv *c = of;
    print_patch(e, c, c->y->shape.n, c->in);
    print_forward_filters(e, c);
}

static void print_input_patch(Emit *e, const void *of)
{
    const Conv *c = of;
    print_patch(e, c, c->x->shape.n, c->out);
    print_gradient_filters(e, c);
}

static void print_weight_gradient(Emit *e, const void *of)
{
    const Conv *c = of;
    Strides x = strides_of(c->x), y = strides_of(c->y);
    int64_t filters = c->y->shape.c / c->groups;
    map_rows(e, "A_M", filters, 1, c->out, true);
    map_pixels(e, "A_K", c->y->shape.n, &y);
    map_taps(e, "B_N", &c->windows, c->is_run ? run_of(c) : c->in, &x, c->is_run);
    map_windows(e, "B_K", &c->windows, c->x->shape.n, &x, c->in);
}

// --- bodies -------------------------------------------------------------------------------------

static Contraction contraction_of(const Conv *c)
{
    int classes = windows_classes(&c->windows);
    return (Contraction){ .classes = classes, .bits = windows_bits(&c->windows), .of = c,
                          .problem = { .groups = c->groups * classes } };
}

bool cuda_conv_takes(const Emit *e, const Group *g)
{
    Conv c;
    return (g->root->op == OP_CONV || g->root->op == OP_CONV_DX) && describe(e, &c, g);
}

bool cuda_conv_emit(Emit *e, Kern *k)
{
    Conv c;
    if (!describe(e, &c, k->group))
        return false;
    bool forward = k->group->root->op == OP_CONV;
    Contraction of = contraction_of(&c);
    CudaProblem *p = &of.problem;
    of.a = forward ? c.x : c.y;
    of.b = c.w;
    of.result = RESULT_MAP;
    of.sizes = forward ? print_forward_sizes : print_input_sizes;
    of.maps = forward ? print_forward : print_input_gradient;
    of.patch_maps = forward ? print_forward_patch : print_input_patch;
    p->patch = patch_of(&c, forward ? c.in : c.out);
    of.what = "pixels x channels";
    p->m = c.y->shape.n * windows_most(&c.windows);
    p->n = forward ? layout_pixel(&c.y->layout, c.y->shape) / c.groups : c.in;
    p->k = forward ? terms_of(&c) : windows_most_taps(&c.windows) * c.out;
    p->a_along_k = true;
    p->b_along_k = forward;
    return contraction_emit(e, k, &of);
}

bool cuda_conv_dw_takes(const Emit *e, const Group *g)
{
    Conv c;
    return describe(e, &c, g);
}

bool cuda_conv_update_takes(const Emit *e, const Group *g) { return cuda_conv_dw_takes(e, g); }
bool cuda_conv_update_emit(Emit *e, Kern *k) { return cuda_conv_dw_emit(e, k); }

bool cuda_conv_dw_emit(Emit *e, Kern *k)
{
    Conv c;
    if (!describe(e, &c, k->group))
        return false;
    Contraction of = contraction_of(&c);
    of.a = c.y;
    of.b = c.x;
    of.result = contraction_update(k->group, k->group->root) ? RESULT_UPDATE : RESULT_WEIGHTS;
    of.sum_rows = c.out;
    of.sizes = print_weight_sizes;
    of.maps = print_weight_gradient;
    of.what = "filters x taps";
    of.run = c.is_run ? run_of(&c) : c.in;
    of.run_used = c.is_run ? c.w->shape.w * c.in : c.in;
    of.problem.m = c.y->shape.c / c.groups;
    of.problem.n = terms_of(&c);
    of.problem.k = c.y->shape.n * c.y->shape.h * c.y->shape.w;
    return contraction_emit(e, k, &of);
}
