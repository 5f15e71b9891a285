// In: a unit. Out: the kernels of AlexNet's layers, with the halos and layouts of the real net.
#include "reference/alexnet_kernels.h"

typedef struct { const char *name; int in, size, out, kernel, stride, pad, hang; } ConvLayer;
static const ConvLayer convs[] = {
    { "conv1", 3, 224, 48, 11, 4, 0, 3 },            // reads 3 rows and columns beyond the image
    { "conv2", 48, 27, 128, 5, 1, 2, 2 },
    { "conv3", 256, 13, 192, 3, 1, 1, 1 },
    { "conv4", 192, 13, 192, 3, 1, 1, 1 },
    { "conv5", 192, 13, 128, 3, 1, 1, 1 },
};
typedef struct { const char *name; int in, out; } FcLayer;
static const FcLayer fcs[] = { { "fc6", 9216, 2048 }, { "fc7", 4096, 2048 }, { "fc8", 4096, 1000 } };

typedef struct {
    KernelUnitCase *unit;
    AlexnetKernel  *all;
    int             count, batch, vector;
    bool            failed;
} Build;

static void add(Build *b, const char *layer, const char *what, KernelCase *k, Node *root,
                Node **epilogue, int count, double flops)
{
    if (!b->failed)
        b->all[b->count++] = (AlexnetKernel){ layer, what, k, flops };
    b->failed = b->failed || !case_emit(b->unit, k, root, epilogue, count, NULL);
}

// --- convolutions -------------------------------------------------------------------------------

static Window window_of(const ConvLayer *l)
{
    return (Window){ l->kernel, l->kernel, l->stride, l->stride, 1, 1, l->pad, l->pad, l->hang, l->hang,
                     false };
}

static Node *map(Build *b, KernelCase *k, int channels, int size, int before, int after)
{
    Shape s = { b->batch, channels, size, size };
    Node *n = case_node(k, OP_INPUT, s, channels <= 4 ? LAYOUT_PLAIN : LAYOUT_BLOCKED, b->vector, NULL,
                        NULL);
    n->layout.top = n->layout.left = before;
    n->layout.bottom = n->layout.right = after;
    return n;
}

static Node *filters(Build *b, KernelCase *k, Op op, const ConvLayer *l, Node *x, Node *y)
{
    Shape s = { l->out, l->in, l->kernel, l->kernel };
    return case_node(k, op, s, l->in <= 4 ? LAYOUT_FILTERS_IN : LAYOUT_FILTERS, b->vector, x, y);
}

static void add_conv(Build *b, const ConvLayer *l)
{
    Window w = window_of(l);
    int v = b->vector, size = (int)window_outputs_h(&w, l->size), pad = l->kernel - 1 - l->pad;
    double flops = 2.0 * b->batch * size * size * l->out * l->in * l->kernel * l->kernel;
    Shape ys = { b->batch, l->out, size, size };

    KernelCase *k = case_new(b->unit);
    Node *x = map(b, k, l->in, l->size, l->pad, l->hang), *f = filters(b, k, OP_PARAM, l, NULL, NULL);
    Node *bias = case_node(k, OP_PARAM, (Shape){ 1, l->out, 1, 1 }, LAYOUT_BLOCKED, v, NULL, NULL);
    Node *y = case_node(k, OP_CONV, ys, LAYOUT_BLOCKED, v, x, f);
    y->attr.conv = (ConvAttr){ 1, w };
    Node *last[2] = { case_node(k, OP_BIAS, ys, LAYOUT_BLOCKED, v, y, bias), NULL };
    last[1] = case_node(k, OP_RELU, ys, LAYOUT_BLOCKED, v, last[0], NULL);
    add(b, l->name, "forward", k, y, last, 2, flops);

    k = case_new(b->unit);
    x = map(b, k, l->in, l->size, l->pad, l->hang);
    Node *dw = filters(b, k, OP_CONV_DW, l, x, map(b, k, l->out, size, pad, pad));
    dw->attr.conv = (ConvAttr){ 1, w };
    add(b, l->name, "weight gradient", k, dw, NULL, 0, flops);
    if (l->in <= 4)
        return;                                      // nothing wants the gradient of the image

    k = case_new(b->unit);
    f = case_node(k, OP_FLIP, (Shape){ l->in, l->out, l->kernel, l->kernel }, LAYOUT_FILTERS, v, NULL,
                  NULL);
    Node *dx = case_node(k, OP_CONV_DX, (Shape){ b->batch, l->in, l->size, l->size }, LAYOUT_BLOCKED, v,
                         map(b, k, l->out, size, pad, pad), f);
    dx->attr.conv = (ConvAttr){ 1, w };
    add(b, l->name, "input gradient", k, dx, NULL, 0, flops);
}

// --- fully connected ----------------------------------------------------------------------------

static void add_fc(Build *b, const FcLayer *l)
{
    int v = b->vector;
    double flops = 2.0 * b->batch * l->in * l->out;
    Shape xs = { b->batch, l->in, 1, 1 }, ys = { b->batch, l->out, 1, 1 }, ws = { l->out, l->in, 1, 1 };

    KernelCase *k = case_new(b->unit);
    Node *x = case_node(k, OP_INPUT, xs, LAYOUT_COLUMNS, v, NULL, NULL);
    Node *w = case_node(k, OP_PARAM, ws, LAYOUT_DENSE, v, NULL, NULL);
    Node *bias = case_node(k, OP_PARAM, (Shape){ 1, l->out, 1, 1 }, LAYOUT_BLOCKED, v, NULL, NULL);
    Node *y = case_node(k, OP_FC, ys, LAYOUT_PANEL, v, x, w);
    Node *last = case_node(k, OP_BIAS, ys, LAYOUT_PANEL, v, y, bias);
    add(b, l->name, "forward", k, y, &last, 1, flops);

    k = case_new(b->unit);
    Node *dy = case_node(k, OP_INPUT, ys, LAYOUT_COLUMNS, v, NULL, NULL);
    w = case_node(k, OP_PARAM, ws, LAYOUT_DENSE, v, NULL, NULL);
    add(b, l->name, "input gradient", k, case_node(k, OP_FC_DX, xs, LAYOUT_COLUMNS, v, dy, w), NULL, 0,
        flops);

    k = case_new(b->unit);
    x = case_node(k, OP_INPUT, xs, LAYOUT_COLUMNS, v, NULL, NULL);
    dy = case_node(k, OP_INPUT, ys, LAYOUT_PANEL, v, NULL, NULL);
    Node *dw = case_node(k, OP_FC_DW, ws, LAYOUT_DENSE, v, x, dy);
    w = case_node(k, OP_PARAM, ws, LAYOUT_DENSE, v, NULL, NULL);
    Node *sgd = case_node(k, OP_SGD, ws, LAYOUT_DENSE, v, w, dw);
    add(b, l->name, "gradient + update", k, dw, &sgd, 1, flops);
}

int alexnet_kernels(KernelUnitCase *u, int batch, AlexnetKernel all[ALEXNET_KERNELS])
{
    Build b = { .unit = u, .all = all, .batch = batch, .vector = u->target->vector };
    for (size_t i = 0; i < sizeof convs / sizeof convs[0]; i++)
        add_conv(&b, &convs[i]);
    for (size_t i = 0; i < sizeof fcs / sizeof fcs[0]; i++)
        add_fc(&b, &fcs[i]);
    return b.failed ? -1 : b.count;
}
