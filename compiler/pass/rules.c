// Layouts and patterns by op, and the layouts of each kind of target. docs/kernels-cpu.md and
// docs/kernels.md explain them.
#include "pass/rules.h"

#define SAME4 { WANT_SAME, WANT_SAME, WANT_SAME, WANT_SAME }

const Rule op_rules[OP_COUNT] = {
    // the op, what it wants of its inputs, what it leaves, pieces, view, pattern, inputs not read
    [OP_INPUT]            = { { WANT_NOTHING },                                          WANT_ANY,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_COPY,         0 },
    [OP_LABEL]            = { { WANT_NOTHING },                                          WANT_PLAIN,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_COPY,         0 },
    [OP_PARAM]            = { { WANT_NOTHING },                                          WANT_ANY,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_COPY,         0 },
    [OP_CONV]             = { { WANT_IMAGE, WANT_FILTERS },                              WANT_MAP,       PIECES_ONE,     VIEW_NEVER,  PATTERN_CONTRACTION,  0 },
    [OP_CONV_DX]          = { { WANT_MAP, WANT_FLIPPED },                                WANT_MAP,       PIECES_FORWARD, VIEW_NEVER,  PATTERN_CONTRACTION,  0 },
    [OP_CONV_DW]          = { { WANT_IMAGE, WANT_MAP },                                  WANT_FILTERS,   PIECES_KEPT,    VIEW_NEVER,  PATTERN_WEIGHTS,      0 },
    [OP_FC]               = { { WANT_COLUMNS, WANT_DENSE },                              WANT_PANEL,     PIECES_ONE,     VIEW_NEVER,  PATTERN_CONTRACTION,  0 },
    [OP_FC_DX]            = { { WANT_COLUMNS, WANT_DENSE },                              WANT_COLUMNS,   PIECES_FORWARD, VIEW_NEVER,  PATTERN_CONTRACTION,  0 },
    [OP_FC_DW]            = { { WANT_COLUMNS, WANT_PANEL },                              WANT_DENSE,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_FC_WEIGHTS,   0 },
    [OP_LOCAL]            = { { WANT_MAP, WANT_LOCAL },                                  WANT_MAP,       PIECES_ONE,     VIEW_NEVER,  PATTERN_LOCAL,        0 },
    [OP_LOCAL_DX]         = { { WANT_MAP, WANT_LOCAL },                                  WANT_MAP,       PIECES_FORWARD, VIEW_NEVER,  PATTERN_LOCAL,        0 },
    [OP_LOCAL_DW]         = { { WANT_MAP, WANT_MAP },                                    WANT_LOCAL,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_LOCAL_WEIGHTS, 0 },
    [OP_BIAS]             = { { WANT_ANY, WANT_CHANNELS },                               WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_PLACE_BIAS]       = { { WANT_MAP, WANT_PLACES },                                 WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_RELU]             = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_RELU_DX]          = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_TANH]             = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_TANH_DX]          = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_SIGMOID]          = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_SIGMOID_DX]       = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_DROPOUT]          = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_SCALE]            = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_ADD]              = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_MUL]              = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_ELEMENTWISE]      = { { WANT_ANY, WANT_SAME, WANT_SAME, WANT_SAME },             WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_POINTWISE,    0 },
    [OP_MAX_POOL]         = { { WANT_MAP },                                              WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_WINDOW,       0 },
    [OP_MAX_POOL_DX]      = { { WANT_MAP, WANT_MAP, WANT_MAP },                          WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_WINDOW,       6 },
    [OP_MEAN_POOL]        = { { WANT_MAP },                                              WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_WINDOW,       0 },
    [OP_MEAN_POOL_DX]     = { { WANT_MAP, WANT_ANY, WANT_ANY },                          WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_WINDOW,       6 },
    [OP_LRN]              = { { WANT_MAP },                                              WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_NEIGHBOURS,   0 },
    [OP_LRN_DX]           = { { WANT_MAP, WANT_MAP, WANT_MAP },                          WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_NEIGHBOURS,   4 },
    [OP_LRN_MAP]          = { { WANT_MAP },                                              WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_NEIGHBOURS,   0 },
    [OP_LRN_MAP_DX]       = { { WANT_MAP, WANT_MAP, WANT_MAP },                          WANT_MAP,       PIECES_KEPT,    VIEW_NEVER,  PATTERN_NEIGHBOURS,   4 },
    [OP_BIAS_DW]          = { { WANT_MAP_OR_PANEL },                                     WANT_CHANNELS,  PIECES_KEPT,    VIEW_NEVER,  PATTERN_CHANNEL_SUM,  0 },
    [OP_PLACE_BIAS_DW]    = { { WANT_MAP },                                              WANT_PLACES,    PIECES_KEPT,    VIEW_NEVER,  PATTERN_PLACE_SUM,    0 },
    [OP_SOFTMAX]          = { { WANT_PANEL },                                            WANT_PANEL,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_SOFTMAX,      0 },
    [OP_SOFTMAX_DX]       = { { WANT_PANEL, WANT_PANEL, WANT_PANEL },                    WANT_PANEL,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_SOFTMAX,      0 },
    [OP_CROSS_ENTROPY]    = { { WANT_PANEL, WANT_PLAIN },                                WANT_PLAIN,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_LOSS,         0 },
    [OP_CROSS_ENTROPY_DX] = { { WANT_PANEL, WANT_PLAIN, WANT_ANY },                      WANT_PANEL,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_LOSS,         0 },
    [OP_TOP]              = { { WANT_PANEL, WANT_PLAIN },                                WANT_PLAIN,     PIECES_KEPT,    VIEW_NEVER,  PATTERN_LOSS,         0 },
    [OP_FLATTEN]          = { { WANT_COLUMNS },                                          WANT_SAME,      PIECES_KEPT,    VIEW_WHOLE,  PATTERN_RELAYOUT,     0 },
    [OP_CONCAT]           = { SAME4,                                                     WANT_SAME,      PIECES_JOINED,  VIEW_JOINED, PATTERN_RELAYOUT,     0 },
    [OP_SLICE]            = { { WANT_ANY },                                              WANT_SAME,      PIECES_CUT,     VIEW_CUT,    PATTERN_RELAYOUT,     0 },
    [OP_EMBED]            = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_RELAYOUT,     0 },
    [OP_BATCH_CONCAT]     = { SAME4,                                                     WANT_SAME,      PIECES_KEPT,    VIEW_JOINED, PATTERN_RELAYOUT,     0 },
    [OP_BATCH_SLICE]      = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_CUT,    PATTERN_RELAYOUT,     0 },
    [OP_BATCH_EMBED]      = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_RELAYOUT,     0 },
    [OP_ALL]              = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_WHOLE,  PATTERN_RELAYOUT,     0 },
    [OP_JOIN]             = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_WHOLE,  PATTERN_RELAYOUT,     0 },
    [OP_COPY]             = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_COPY,         0 },
    [OP_RELAYOUT]         = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_RELAYOUT,     0 },
    [OP_FLIP]             = { { WANT_FILTERS },                                          WANT_FLIPPED,   PIECES_KEPT,    VIEW_NEVER,  PATTERN_RELAYOUT,     0 },
    [OP_ACCUMULATE]       = { { WANT_ANY },                                              WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_ACCUMULATE,   0 },
    [OP_SGD]              = { { WANT_ANY, WANT_AS_PARAM },                               WANT_SAME,      PIECES_KEPT,    VIEW_NEVER,  PATTERN_UPDATE,       0 },
};

const TargetLayouts target_layouts[TARGET_KINDS] = {
    [TARGET_CPU] = {
        .kinds = { [WANT_MAP] = LAYOUT_BLOCKED, [WANT_IMAGE] = LAYOUT_BLOCKED,
                   [WANT_MAP_OR_PANEL] = LAYOUT_BLOCKED, [WANT_PANEL] = LAYOUT_PANEL,
                   [WANT_COLUMNS] = LAYOUT_COLUMNS, [WANT_FILTERS] = LAYOUT_FILTERS,
                   [WANT_FLIPPED] = LAYOUT_FILTERS, [WANT_DENSE] = LAYOUT_DENSE,
                   [WANT_LOCAL] = LAYOUT_FILTERS_IN, [WANT_PLACES] = LAYOUT_BLOCKED,
                   [WANT_CHANNELS] = LAYOUT_BLOCKED, [WANT_PLAIN] = LAYOUT_PLAIN,
                   [WANT_ANY] = LAYOUT_BLOCKED, [WANT_SAME] = LAYOUT_BLOCKED,
                   [WANT_AS_PARAM] = LAYOUT_BLOCKED },
        .flips = true, .loop_rounds = false, .moves_round = false,
        .updates_round = false, .sums_rows = false },
    [TARGET_CUDA] = {
        .kinds = { [WANT_MAP] = LAYOUT_NHWC, [WANT_IMAGE] = LAYOUT_NHWC,
                   [WANT_MAP_OR_PANEL] = LAYOUT_NHWC, [WANT_PANEL] = LAYOUT_NHWC,
                   [WANT_COLUMNS] = LAYOUT_NHWC, [WANT_FILTERS] = LAYOUT_NHWC,
                   [WANT_FLIPPED] = LAYOUT_NHWC, [WANT_DENSE] = LAYOUT_NHWC,
                   [WANT_LOCAL] = LAYOUT_NHWC, [WANT_PLACES] = LAYOUT_NHWC,
                   [WANT_CHANNELS] = LAYOUT_NHWC, [WANT_PLAIN] = LAYOUT_PLAIN,
                   [WANT_ANY] = LAYOUT_NHWC, [WANT_SAME] = LAYOUT_NHWC,
                   [WANT_AS_PARAM] = LAYOUT_NHWC },
        .flips = false, .loop_rounds = true, .moves_round = true,
        .updates_round = true, .sums_rows = true },
};

enum { ON_CUDA = 1 << TARGET_CUDA, ON_ALL = 1 << TARGET_CPU | ON_CUDA };

const Duo op_duos[] = {
    { PATTERN_LRN_POOL, OP_LRN, OP_MAX_POOL, false, ON_ALL,
      "the pool is the only reader of the normalised map, which is never stored" },
    { PATTERN_POOL_LRN_DX, OP_MAX_POOL_DX, OP_LRN_DX, false, ON_ALL,
      "the gradient of the normalised map is needed row by row only" },
    { PATTERN_FC_UPDATE, OP_FC_DW, OP_SGD, true, ON_ALL,
      "nothing else needs the gradient: it is applied in registers, weights are read once" },
    { PATTERN_WEIGHTS_UPDATE, OP_CONV_DW, OP_SGD, true, ON_CUDA,
      "nothing else needs the gradient: it is applied where its sums are complete" },
    { 0, 0, 0, false, 0, NULL },
};

bool rule_moves_images(Op op)
{
    return op == OP_BATCH_CONCAT || op == OP_BATCH_SLICE || op == OP_BATCH_EMBED;
}

bool rule_reads_gradient(Pattern p) { return p == PATTERN_WEIGHTS || p == PATTERN_FC_WEIGHTS; }

bool rule_takes_epilogue(Pattern p)
{
    return p == PATTERN_CONTRACTION || p == PATTERN_LOCAL || p == PATTERN_WINDOW || p == PATTERN_NEIGHBOURS ||
           p == PATTERN_POINTWISE || p == PATTERN_LRN_POOL || p == PATTERN_POOL_LRN_DX;
}

bool rule_takes_prologue(const Node *root)
{
    return (root->op == OP_MAX_POOL_DX || root->op == OP_MEAN_POOL_DX) && root->layout.kind == LAYOUT_NHWC;
}

int rule_readings(const Node *root)
{
    const Window *w = &root->attr.pool.window;
    return ((w->kernel_h - 1) / w->stride_h + 1) * ((w->kernel_w - 1) / w->stride_w + 1);
}

bool rule_needs_places(const Node *gradient)
{
    return gradient->op == OP_MAX_POOL_DX;
}

int image_pixel_padding(const Window *w, int64_t channels, int vector)
{
    for (int padding = 1; padding < vector && w->dilation_w == 1; padding *= 2) {
        int64_t pixel = size_round_up(channels, padding);
        if (pixel % vector && w->stride_w * pixel % vector == 0)
            return padding;
    }
    return vector;
}

int image_row_padding(int64_t columns, int64_t pixel, int vector)
{
    int more = 0;
    while ((columns + more) * pixel % vector)
        more++;
    return more;
}

static void widen(int64_t *side, int64_t needed)
{
    if (*side < needed)
        *side = needed;
}

// A convolution over x, and its weight gradient, read x from -pad to the reach of the last window.
static void halo_of_windows(const Window *w, Shape x, Halo *need)
{
    widen(&need->top, w->pad_top);
    widen(&need->left, w->pad_left);
    widen(&need->bottom, window_reach_h(w, x.h));
    widen(&need->right, window_reach_w(w, x.w));
}

// dx at row h sums dy at rows (h + pad - r * dilation) / stride: from the first to the last that
// are whole. Rows outside of dy are its halo.
static void halo_of_input_gradient(const Window *w, Shape dx, Shape dy, Halo *need)
{
    int64_t above = (int64_t)(w->kernel_h - 1) * w->dilation_h - w->pad_top;
    int64_t left = (int64_t)(w->kernel_w - 1) * w->dilation_w - w->pad_left;
    widen(&need->top, above > 0 ? above / w->stride_h : 0);
    widen(&need->left, left > 0 ? left / w->stride_w : 0);
    widen(&need->bottom, (dx.h - 1 + w->pad_top) / w->stride_h - (dy.h - 1));
    widen(&need->right, (dx.w - 1 + w->pad_left) / w->stride_w - (dy.w - 1));
}

void rule_halo(const Node *user, int i, Halo *need)
{
    const Window *w = &user->attr.conv.window;
    switch (user->op) {
    case OP_CONV:
    case OP_CONV_DW:
        if (i == 0)
            halo_of_windows(w, user->in[0]->shape, need);
        break;
    case OP_CONV_DX:
        if (i == 0)
            halo_of_input_gradient(w, user->shape, user->in[0]->shape, need);
        break;
    default:
        break;
    }
}
