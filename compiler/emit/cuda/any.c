// Contractions of any shape on GPUs, one number a thread. In: a group rooted at conv, fc or one of their
// gradients; out: the heads above any_*.cu. A fully connected layer is a 1x1 convolution over a 1x1 map
// whose channels are the features.
#include "emit/cuda/contraction.h"
#include <inttypes.h>

enum { THREADS = 256 };

static bool is_fc(const Node *n) { return n->op == OP_FC || n->op == OP_FC_DX || n->op == OP_FC_DW; }

static Window window_of(const Node *n)
{
    if (!is_fc(n))
        return n->attr.conv.window;
    return (Window){ .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                     .dilation_w = 1 };
}

static int groups_of(const Node *n) { return n->attr.conv.groups > 1 ? n->attr.conv.groups : 1; }

// --- the head -----------------------------------------------------------------------------------

// The numbers of a pixel; of a flattened map those of all its pixels.
static int64_t numbers_of(const Node *n)
{
    return layout_rows(&n->layout, n->shape) * n->layout.vector;
}

// `index NAME(index b)`: the channel (feature) that is number b of a pixel; -1: padding.
static void print_channel(Emit *e, const char *name, const Node *n)
{
    const Layout *l = &n->layout;
    int64_t pixel = layout_pixel(l, n->shape), area = numbers_of(n) / pixel, padded = 0, channel = 0;
    head_function(e, "index", name, "index b");
    if (area > 1)
        fprintf(e->text, "    index pixel = b / %" PRId64 ";\n    b %%= %" PRId64 ";\n", pixel, pixel);
    int pieces = l->pieces.count < 2 ? 1 : l->pieces.count;
    for (int i = 0; i < pieces; i++) {
        int64_t channels = pieces > 1 ? l->pieces.channels[i] : n->shape.c / area;
        int64_t end = padded + size_round_up(channels, l->vector);
        const char *value = area > 1 ? arena_printf(e->arena, "(b - %" PRId64 ") * %" PRId64 " + pixel",
                                                    padded - channel, area)
                                     : arena_printf(e->arena, "b - %" PRId64, padded - channel);
        fprintf(e->text, "    if (b < %" PRId64 ")\n        return b < %" PRId64 " ? %s : -1;\n", end,
                padded + channels, value);
        padded = end;
        channel += channels;
    }
    fprintf(e->text, "    return -1;\n}\n");
}

// NAME(n, c, y, x): a number of an operand, as contractions read it.
static void print_operand(Emit *e, const char *name, const char *arg_name, int arg, const Node *n)
{
    const char *at = arena_printf(e->arena, "%s_ELEMENT", name);
    cuda_tensor(e, arg_name, arg, n);
    head_element(e, at, n);
    bool rounds = e->target->matrix == ELEMENT_TF32 && n->layout.element == ELEMENT_FLOAT;
    head_define(e, arena_printf(e->arena, "%s(n, c, y, x)", name), "%s(LOAD_%s(t[%s], %s(n, c, y, x)).v[0])",
                rounds ? "round_tf32" : "", arg_name, arg_name, at);
}

// `in` and `out`: channels of the input and of the output of the forward convolution.
static void print_window(Emit *e, const Node *n, int64_t in, int64_t out)
{
    Window w = window_of(n);
    head_constant(e, "GROUP_IN", in / groups_of(n));
    head_constant(e, "GROUP_OUT", out / groups_of(n));
    head_constant(e, "KERNEL_H", w.kernel_h);
    head_constant(e, "KERNEL_W", w.kernel_w);
    head_constant(e, "STRIDE_H", w.stride_h);
    head_constant(e, "STRIDE_W", w.stride_w);
    head_constant(e, "DILATION_H", w.dilation_h);
    head_constant(e, "DILATION_W", w.dilation_w);
    head_constant(e, "PAD_TOP", w.pad_top);
    head_constant(e, "PAD_LEFT", w.pad_left);
}

static void open(Emit *e, Kern *k, int64_t count)
{
    cuda_launch(k, (count + THREADS - 1) / THREADS, 1, 1, THREADS, 0);
    for (int i = 0; i < k->arg_count; i++)
        if (k->args[i])
            k->bytes += shape_count(k->args[i]->shape) * element_bytes(k->args[i]->layout.element);
    k->reason = "no tile fits its channels, groups or kernel: one number a thread";
    cuda_open(e, k, 1, "neighbouring numbers", "one number");
    head_constant(e, "COUNT", count);
}

// --- forward and input gradient -----------------------------------------------------------------

static bool takes(const Group *g)
{
    return contraction_output(g)->layout.kind == LAYOUT_NHWC && g->root->in[0]->layout.kind == LAYOUT_NHWC
           && g->root->in[1]->layout.kind == LAYOUT_NHWC;
}

bool cuda_contraction_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes(g);
}

bool cuda_contraction_any_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0], *w = n->in[1], *y = contraction_output(k->group);
    bool forward = n->op == OP_CONV || n->op == OP_FC;
    int in = kern_read(k, x), weights = kern_read(k, w);
    kern_read_operands(k);
    int out = kern_write_outputs(k);
    int64_t pixel = numbers_of(y);
    open(e, k, y->shape.n * y->shape.h * y->shape.w * pixel);
    head_constant(e, "PIXEL", pixel);
    head_constant(e, "OUT_H", y->shape.h);
    head_constant(e, "OUT_W", y->shape.w);
    head_constant(e, "IN_H", x->shape.h);
    head_constant(e, "IN_W", x->shape.w);
    print_window(e, n, forward ? x->shape.c : y->shape.c, forward ? y->shape.c : x->shape.c);
    print_operand(e, "IN", "X", in, x);
    print_operand(e, "WEIGHT", "W", weights, w);
    cuda_tensor(e, "Y", out, y);
    print_channel(e, "CHANNEL", y);
    return head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, forward ? "cuda/any_forward.cu" : "cuda/any_gradient.cu")
        && head_body(e, "cuda/any_map.cu");
}

// --- weight gradients ---------------------------------------------------------------------------

bool cuda_weights_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes(g);
}

bool cuda_weights_update_any_takes(const Emit *e, const Group *g) { return cuda_weights_any_takes(e, g); }
bool cuda_fc_weights_any_takes(const Emit *e, const Group *g) { return cuda_weights_any_takes(e, g); }
bool cuda_fc_update_any_takes(const Emit *e, const Group *g) { return cuda_weights_any_takes(e, g); }

static void print_written(Emit *e, const Kern *k)
{
    const Node *root = k->group->root, *sgd = contraction_update(k->group, root);
    head_constant(e, "IS_UPDATE", sgd != NULL);
    if (!sgd) {
        cuda_tensor(e, "W", kern_find(k, root), root);
        return;
    }
    cuda_weights(e, k, sgd);
}

// The bias's part; false: an internal error.
static bool print_sums(Emit *e, const Kern *k, const Node *sums)
{
    head_constant(e, "SUMS", sums ? numbers_of(sums) : 0);
    if (!sums)
        return true;
    print_channel(e, "SUM_CHANNEL", sums);
    return contraction_print_sums(e, k);
}

bool cuda_weights_any_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0], *dy = n->in[1], *sums = contraction_sums(k->group);
    int in = kern_read(k, x), out = kern_read(k, dy);
    contraction_write_weights(k);
    int64_t count = layout_item(&n->layout, n->shape) * n->shape.n;
    open(e, k, count + (sums ? numbers_of(sums) : 0));
    head_constant(e, "COUNT", count);
    head_constant(e, "PIXEL", numbers_of(n));
    head_constant(e, "ROW", n->shape.w + n->layout.right);
    head_constant(e, "IMAGES", x->shape.n);
    head_constant(e, "OUT_H", dy->shape.h);
    head_constant(e, "OUT_W", dy->shape.w);
    head_constant(e, "IN_H", x->shape.h);
    head_constant(e, "IN_W", x->shape.w);
    print_window(e, n, x->shape.c, dy->shape.c);
    print_operand(e, "IN", "X", in, x);
    print_operand(e, "OUT", "Y", out, dy);
    print_written(e, k);
    print_channel(e, "CHANNEL", n);
    return print_sums(e, k, sums) && head_body(e, "cuda/any_weights.cu");
}

bool cuda_weights_update_any_emit(Emit *e, Kern *k) { return cuda_weights_any_emit(e, k); }
bool cuda_fc_weights_any_emit(Emit *e, Kern *k) { return cuda_weights_any_emit(e, k); }
bool cuda_fc_update_any_emit(Emit *e, Kern *k) { return cuda_weights_any_emit(e, k); }
