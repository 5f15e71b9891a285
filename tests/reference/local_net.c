#include "reference/local_net.h"

typedef struct { int channels, h, w; bool first; int filters; Window window; int then; } Shapes;

// first: the layer reads the image itself; then: filters of a second one, 0: a pool and none.
static const Shapes shapes[LOCAL_NETS] = {
    { 16, 6, 6, false, 32, { 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false }, 16 },
    { 5, 5, 7, false, 13, { 3, 2, 2, 1, 1, 1, 1, 0, 1, 1, false }, 7 },
    { 3, 8, 7, true, 18, { 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, true }, 0 },
    { 40, 4, 4, false, 33, { 4, 4, 1, 1, 1, 1, 0, 0, 0, 0, false }, 0 },     // one place
    { 21, 1, 1, false, 24, { 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false }, 5 },
    { 7, 7, 6, false, 20, { 2, 3, 1, 2, 2, 1, 2, 1, 0, 1, false }, 9 },
    { 1, 9, 9, true, 1, { 5, 5, 4, 4, 1, 1, 2, 2, 2, 2, true }, 3 },
    { 17, 5, 5, false, 70, { 2, 2, 3, 3, 1, 1, 0, 0, 0, 0, false }, 34 },    // skips pixels
};

static Node *local(SmallNet *s, Node *x, int64_t filters, Window w, bool biased)
{
    int64_t h = window_outputs_h(&w, x->shape.h), v = window_outputs_w(&w, x->shape.w);
    Shape shape = { filters, h * v * x->shape.c, w.kernel_h, w.kernel_w };
    Node *weights = small_values(s, "weights", shape);
    Node with = { .attr.conv = { 1, w } };
    Node *y = small_op(s, OP_LOCAL, &with, 2, (Node *[]){ x, weights });
    if (!biased)
        return y;
    Node *biases = small_values(s, "biases", (Shape){ 1, filters, h, v });
    return small_op(s, OP_PLACE_BIAS, NULL, 2, (Node *[]){ y, biases });
}

void local_net(SmallNet *s, unsigned which)
{
    const Shapes *l = &shapes[which % LOCAL_NETS];
    Node *x = small_input(s, l->channels, l->h, l->w);
    if (!l->first) {
        x = small_bias(s, small_conv(s, x, l->channels, 1, small_window(1, 1, 0)));
        Node *both[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x) };
        x = which % 2 ? small_op(s, OP_CONCAT, NULL, 2, both) : both[1];
    }
    x = small_op1(s, which % 3 ? OP_RELU : OP_SIGMOID, NULL, local(s, x, l->filters, l->window, which % 4));
    if (l->then)
        x = local(s, x, l->then, small_window(x->shape.h < 2 ? 1 : 2, 1, 0), true);
    else if (x->shape.h > 1)
        x = small_op1(s, OP_MAX_POOL, &(Node){ .attr.pool.window = small_window(2, 1, 0) }, x);
    small_loss(s, small_bias(s, small_fc(s, x, 7)));
}
