// In: a number. Out: the net of that number.
#include "reference/map_net.h"
#include "reference/own_ops.h"

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static Node *pooled(SmallNet *s, Node *x, unsigned *seed, Op op)
{
    int size = (int)(x->shape.h < x->shape.w ? x->shape.h : x->shape.w);
    int kernel = 1 + (int)draw(seed, (unsigned)(size < 4 ? size : 4));
    Window w = small_window(kernel, 1 + (int)draw(seed, 3), kernel > 1 ? (int)draw(seed, 2) : 0);
    w.round_up = draw(seed, 2);
    if (kernel > 2 && draw(seed, 2))
        w.kernel_w--;
    Node with = { .attr.pool.window = w };
    return small_op1(s, op, &with, x);
}

static Node *normalised(SmallNet *s, Node *x, unsigned *seed, Op op)
{
    static const double betas[] = { 0.75, 0.5, 1, 0.6 };
    LrnAttr a = { 1 + 2 * (int)draw(seed, op == OP_LRN ? 9 : 3), 1 + draw(seed, 2),
                  0.01 * (1 + draw(seed, 40)), betas[draw(seed, 4)], 1 };
    if (op == OP_LRN && draw(seed, 3) == 0 && x->shape.c % 2 == 0)
        a.parts = 2;
    Node with = { .attr.lrn = a };
    return small_op1(s, op, &with, x);
}

static Node *dropped(SmallNet *s, Node *x, unsigned *seed)
{
    Node with = { .attr.dropout = { 0.25, draw(seed, 2), 0x1234567u + draw(seed, 1000), 0, x->shape.c } };
    return small_op1(s, OP_DROPOUT, &with, x);
}

// Two activations of x, the one behind the other's end, of which a slice goes on.
static Node *beside(SmallNet *s, Node *x, unsigned *seed)
{
    Node *both[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x) };
    Node *all = small_op(s, OP_CONCAT, NULL, 2, both);
    int64_t first = x->shape.c % 16 ? draw(seed, (unsigned)x->shape.c) : 16;    // whole blocks
    Node with = { .attr.slice = { first, x->shape.c } };
    return draw(seed, 2) ? all : small_op1(s, OP_SLICE, &with, all);
}

static Node *with_itself(SmallNet *s, Node *x, unsigned *seed)
{
    Node *in[] = { x, small_op1(s, OP_TANH, NULL, x) };
    return small_op(s, draw(seed, 2) ? OP_ADD : OP_MUL, NULL, 2, in);
}

// A file's own op of x and of what is made of x.
static Node *own(SmallNet *s, Node *x, unsigned *seed)
{
    const Elementwise *f = own_op_number(&s->arena, (int)draw(seed, OWN_OPS));
    Node with = { .attr.elementwise.function = f };
    Node *in[] = { x, small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x) };
    return small_op(s, OP_ELEMENTWISE, &with, f->inputs, in);
}

static Node *stage(SmallNet *s, Node *x, unsigned *seed)
{
    Node scale = { .attr.pointwise = { 0.5, 0.25 } };
    switch (draw(seed, 13)) {
    case 0: case 1: return pooled(s, normalised(s, x, seed, OP_LRN), seed, OP_MAX_POOL);
    case 2: return normalised(s, small_op1(s, OP_RELU, NULL, x), seed, OP_LRN);
    case 3: return normalised(s, x, seed, OP_LRN_MAP);
    case 4: return pooled(s, x, seed, OP_MAX_POOL);
    case 5: return pooled(s, small_op1(s, OP_RELU, NULL, x), seed, OP_MEAN_POOL);
    case 6: return small_op1(s, OP_SIGMOID, NULL, x);
    case 7: return beside(s, x, seed);
    case 8: return with_itself(s, x, seed);
    case 9: return dropped(s, x, seed);
    case 10: return small_op1(s, OP_SOFTMAX, NULL, x);
    case 11: return normalised(s, own(s, x, seed), seed, OP_LRN_MAP);
    default: return small_op1(s, OP_SCALE, &scale, x);
    }
}

void map_net(SmallNet *s, unsigned seed)
{
    seed = seed * 7919u + 17u;
    Node *x = small_input(s, 2 + draw(&seed, 3), 5 + draw(&seed, 8), 5 + draw(&seed, 8));
    int64_t maps = draw(&seed, 3) ? 2 + draw(&seed, 40) : 32;
    x = small_bias(s, small_conv(s, x, maps, 1, small_window(3, 1, 1)));
    if (maps == 32)
        x = beside(s, x, &seed);
    for (int i = 0; i < 4; i++)
        x = stage(s, x, &seed);
    x = small_bias(s, small_fc(s, x, 2 + draw(&seed, 40)));
    x = dropped(s, small_op1(s, OP_TANH, NULL, x), &seed);
    small_loss(s, small_bias(s, small_fc(s, x, 2 + draw(&seed, 30))));
}

static Node *images(SmallNet *s, Node *x, int64_t first, int64_t count)
{
    Node with = { .attr.slice = { first, count } };
    return small_op1(s, OP_BATCH_SLICE, &with, x);
}

static Node *shuffled(SmallNet *s, Node *x)
{
    int64_t all = x->shape.n, cut = 1 + all / 3;
    Node *apart[] = { small_op1(s, OP_TANH, NULL, images(s, x, 0, cut)),
                      small_op1(s, OP_SIGMOID, NULL, images(s, x, cut, all - cut)) };
    x = small_op(s, OP_BATCH_CONCAT, NULL, 2, apart);
    Node *turned[] = { images(s, x, cut, all - cut), images(s, x, 0, cut) };
    Node *twice[] = { images(s, x, 0, cut), images(s, x, 0, all - cut) };
    Node *sum[] = { small_op(s, OP_BATCH_CONCAT, NULL, 2, turned),
                    small_op(s, OP_BATCH_CONCAT, NULL, 2, twice) };
    return small_op(s, OP_ADD, NULL, 2, sum);
}

void batch_net(SmallNet *s, unsigned seed)
{
    Node *x = small_bias(s, small_conv(s, small_input(s, 3, 7, 6), seed % 2 ? 13 : 16, 1,
                                       small_window(3, 1, 1)));
    x = shuffled(s, x);
    x = shuffled(s, small_bias(s, small_fc(s, x, seed % 2 ? 20 : 32)));
    small_loss(s, small_bias(s, small_fc(s, x, 7)));
}
