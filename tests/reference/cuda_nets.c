// The nets whose kernels are judged: every kind of kernel of AlexNet, at sizes that end inside of vectors, of
// warps, of blocks, and one layer of full width of each kind.
#include "reference/cuda_jobs.h"
#include "reference/local_net.h"
#include "reference/map_net.h"
#include "reference/nets.h"

enum {
    FP32 = 1 << ELEMENT_FLOAT, TF32 = 1 << ELEMENT_TF32, BF16 = 1 << ELEMENT_BF16, ALL = FP32 | TF32 | BF16
};

// --- pieces -------------------------------------------------------------------------------------

static Node *pooled(SmallNet *s, Node *x, Op op, Window w)
{
    Node with = { .attr.pool.window = w };
    return small_op1(s, op, &with, x);
}

static Node *normalised(SmallNet *s, Node *x, Op op, LrnAttr a)
{
    Node with = { .attr.lrn = a };
    return small_op1(s, op, &with, x);
}

static Node *dropped(SmallNet *s, Node *x, double rate, bool scale_in_test)
{
    Node with = { .attr.dropout = { rate, scale_in_test, 0x51ed27u, 0, x->shape.c } };
    return small_op1(s, OP_DROPOUT, &with, x);
}

static Node *sliced(SmallNet *s, Node *x, int64_t first, int64_t channels)
{
    Node with = { .attr.slice = { first, channels } };
    return small_op1(s, OP_SLICE, &with, x);
}

static Node *relu(SmallNet *s, Node *x) { return small_op1(s, OP_RELU, NULL, x); }

static Node *conv(SmallNet *s, Node *x, int64_t filters, int groups, Window w)
{
    return small_bias(s, small_conv(s, x, filters, groups, w));
}

// The loss, and top(5) beside top(1).
static void loss(SmallNet *s, Node *scores)
{
    Graph *g = s->g;
    small_loss(s, scores);
    Node *in[] = { scores, g->label }, *top1 = g->metrics[0];
    Node *top = graph_add(g, OP_TOP, "top5", NO_SPAN, NULL, 2, in);
    top->attr.top.k = 5;
    graph_infer(g, top);
    g->metrics = ARENA_ARRAY(g->arena, Node *, 2);
    g->metrics[0] = top1;
    g->metrics[1] = top;
    g->metric_count = 2;
}

static Window rounded_up(Window w)
{
    w.round_up = true;
    return w;
}

// --- nets ---------------------------------------------------------------------------------------

// AlexNet with few channels; `parts` of every layer that the paper splits. Channels of a part end inside of
// a vector of bf16 where `width` is no multiple of 8.
typedef struct { int width, groups, classes; } Small;

static const Small small_alexnets[] = { { 16, 1, 10 }, { 16, 2, 9 }, { 20, 1, 5 }, { 12, 2, 37 } };

static void small_alexnet(SmallNet *s, unsigned with)
{
    const Small *a = &small_alexnets[with];
    LrnAttr near = { 5, 2, 0.1, 0.75, a->groups };
    Window three = small_window(3, 1, 1), pool = small_window(3, 2, 0);
    Node *x = small_input(s, 3, 43, 39);
    x = relu(s, conv(s, x, a->width, 1, rounded_up(small_window(11, 4, 0))));
    x = pooled(s, normalised(s, x, OP_LRN, near), OP_MAX_POOL, pool);
    x = relu(s, conv(s, x, 2 * a->width, a->groups, small_window(5, 1, 2)));
    x = normalised(s, x, OP_LRN, near);
    x = relu(s, conv(s, x, 3 * a->width, 1, three));
    x = relu(s, conv(s, x, 2 * a->width, a->groups, three));
    x = pooled(s, x, OP_MAX_POOL, rounded_up(small_window(2, 2, 0)));
    x = dropped(s, relu(s, small_bias(s, small_fc(s, x, 3 * a->width + 1))), 0.5, true);
    x = dropped(s, relu(s, small_bias(s, small_fc(s, x, 2 * a->width))), 0.25, false);
    loss(s, small_bias(s, small_fc(s, x, a->classes)));
}

typedef struct { Op op; int kernel_h, kernel_w, stride_h, stride_w, top, left, bottom, right; bool up; } Pool;

static const Pool pools[] = {
    { OP_MAX_POOL,  3, 3, 2, 2, 0, 0, 0, 0, false }, { OP_MAX_POOL,  3, 2, 2, 1, 1, 1, 1, 0, true },
    { OP_MAX_POOL,  2, 2, 2, 2, 0, 0, 0, 0, true },  { OP_MAX_POOL,  1, 3, 2, 3, 0, 1, 0, 1, false },
    { OP_MEAN_POOL, 3, 3, 2, 2, 1, 1, 1, 1, true },  { OP_MEAN_POOL, 2, 3, 3, 1, 0, 1, 0, 0, false },
    { OP_MAX_POOL,  5, 5, 1, 1, 2, 2, 2, 2, false }, { OP_MEAN_POOL, 11, 9, 1, 1, 0, 0, 0, 0, false },
};
enum { POOLS = sizeof pools / sizeof *pools };

// Every kind of window behind a map of its own, joined by a fully connected layer: two pools a net.
static void two_pools(SmallNet *s, unsigned with)
{
    Node *x = conv(s, small_input(s, 5, 11, 9), with % 2 ? 13 : 40, 1, small_window(3, 1, 1)), *flat[2];
    for (unsigned i = 0; i < 2; i++) {
        const Pool *p = &pools[(2 * with + i) % POOLS];
        Window w = { p->kernel_h, p->kernel_w, p->stride_h, p->stride_w, 1, 1, p->top, p->left, p->bottom,
                     p->right, p->up };
        Node *y = pooled(s, i ? relu(s, x) : small_op1(s, OP_TANH, NULL, x), p->op, w);
        flat[i] = small_bias(s, small_fc(s, y, 6));
    }
    loss(s, small_op(s, OP_ADD, NULL, 2, flat));
}

typedef struct { LrnAttr lrn; Op op; int channels; bool pool; } Lrn;

static const Lrn lrns[] = {
    { { 5, 2, 0.1, 0.75, 1 }, OP_LRN, 24, false },  { { 3, 1, 0.5, 0.5, 2 }, OP_LRN, 32, true },
    { { 9, 1, 0.2, 1, 1 }, OP_LRN, 13, true },      { { 1, 2, 0.3, 0.6, 1 }, OP_LRN, 7, false },
    { { 31, 2, 0.1, 0.75, 1 }, OP_LRN, 40, true },  { { 3, 1, 0.4, 0.75, 1 }, OP_LRN_MAP, 20, false },
    { { 5, 2, 0.2, 0.5, 1 }, OP_LRN_MAP, 9, true }, { { 5, 1, 0.3, 1, 5 }, OP_LRN, 30, true },
};
enum { LRNS = sizeof lrns / sizeof *lrns };

static void lrn(SmallNet *s, unsigned with)
{
    const Lrn *l = &lrns[with];
    Node *x = relu(s, conv(s, small_input(s, 4, 12, 10), l->channels, 1, small_window(3, 1, 1)));
    x = normalised(s, x, l->op, l->lrn);
    if (l->pool)
        x = pooled(s, x, OP_MAX_POOL, with % 2 ? small_window(3, 2, 1) : rounded_up(small_window(3, 2, 0)));
    loss(s, small_bias(s, small_fc(s, x, 6)));
}

// A map so wide that its rows are several tiles, and that no tile ends with them.
static void wide_map(SmallNet *s, unsigned width)
{
    LrnAttr near = { 5, 1, 0.3, 0.75, 1 };
    Node *x = relu(s, conv(s, small_input(s, 3, 3, width), 20, 1, small_window(1, 1, 0)));
    loss(s, small_bias(s, small_fc(s, normalised(s, x, OP_LRN_MAP, near), 6)));
}

// A map so tall that a block pools several rows, one after the other.
static void tall(SmallNet *s, unsigned height)
{
    LrnAttr near = { 5, 1, 0.2, 0.75, 1 };
    Node *x = relu(s, conv(s, small_input(s, 8, height, 5), 8, 1, small_window(1, 1, 0)));
    x = pooled(s, normalised(s, x, OP_LRN, near), OP_MAX_POOL, small_window(3, 2, 0));
    loss(s, small_bias(s, small_fc(s, x, 6)));
}

// Concatenations and slices inside and at the edges of vectors, softmax in the middle, a flattened map, an
// image that a convolution reads in runs.
static void moved(SmallNet *s, unsigned with)
{
    int64_t maps = with ? 24 : 13;
    Node *x = conv(s, small_input(s, 3, 11, 9), maps, 1, small_window(3, 2, 1));
    Node *in[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x), x };
    Node *all = small_op(s, OP_CONCAT, NULL, 3, in);
    Node *a = sliced(s, all, maps, maps), *b = sliced(s, a, 3, maps - 6);
    b = small_op1(s, OP_SOFTMAX, NULL, conv(s, b, 7, 1, small_window(1, 1, 0)));
    Node *c = conv(s, all, 7, 1, small_window(1, 1, 0));
    Node *both[] = { b, c };
    Node *flat = small_op1(s, OP_FLATTEN, NULL, small_op(s, OP_MUL, NULL, 2, both));
    loss(s, small_bias(s, small_fc(s, flat, 10)));
}

// Two concatenations of the same maps, of which one is no view; a function of its own behind the other.
static void joined_twice(SmallNet *s, unsigned with)
{
    Node *x = small_conv(s, small_input(s, 3, 7, 6), (int64_t)with, 1, small_window(3, 1, 1));
    Node *a = small_op1(s, OP_TANH, NULL, x), *b = small_op1(s, OP_SIGMOID, NULL, x);
    Node *there[] = { a, b }, *back[] = { b, a };
    Node *ways[] = { small_op1(s, OP_TANH, NULL, small_op(s, OP_CONCAT, NULL, 2, there)),
                     small_conv(s, small_op(s, OP_CONCAT, NULL, 2, back), 2 * (int64_t)with, 1,
                                small_window(1, 1, 0)) };
    loss(s, small_bias(s, small_fc(s, small_op(s, OP_ADD, NULL, 2, ways), 7)));
}

// A map in two pieces that end inside vectors, whose gradient comes in one.
static void pieces(SmallNet *s, unsigned with)
{
    LrnAttr near = { 5, 1, 0.1, 0.75, 1 };
    Node *x = small_conv(s, small_input(s, 3, 9, 9), 13, 1, small_window(3, 1, 1));
    Node *both[] = { small_op1(s, OP_TANH, NULL, x), small_op1(s, OP_SIGMOID, NULL, x) };
    x = small_op(s, OP_CONCAT, NULL, 2, both);
    if (with % 2)
        x = normalised(s, x, OP_LRN, near);
    if (with / 2 % 2)
        x = pooled(s, x, OP_MAX_POOL, small_window(3, 2, 0));
    Node *ways[] = { small_op1(s, OP_TANH, NULL, sliced(s, x, 3, 20)),
                     small_conv(s, x, 20, 1, small_window(1, 1, 0)) };
    loss(s, small_bias(s, small_fc(s, small_op(s, OP_ADD, NULL, 2, ways), 7)));
}

// What only the bodies of single numbers take: groups inside vectors, a kernel of too many taps, features
// of pieces.
static void odd_shapes(SmallNet *s, unsigned with)
{
    Node *x = small_input(s, 8, with ? 38 : 6, with ? 36 : 7);
    x = conv(s, x, with ? 2 : 10, 1, small_window(1, 1, 0));
    if (with) {
        x = conv(s, x, 3, 1, small_window(34, 1, 2));
    } else {
        x = relu(s, conv(s, relu(s, x), 15, 5, small_window(3, 1, 1)));
        x = conv(s, x, 6, 3, small_window(2, 3, 1));
    }
    loss(s, small_bias(s, small_fc(s, x, 5)));
}

// Input gradients by classes of the stride, several tiles of terms and of pixels.
static void strides(SmallNet *s, unsigned with)
{
    (void)with;
    Node *x = relu(s, conv(s, small_input(s, 8, 13, 11), 40, 1, small_window(1, 1, 0)));
    x = relu(s, conv(s, x, 24, 1, small_window(3, 2, 1)));
    x = relu(s, conv(s, x, 72, 2, small_window(5, 3, 2)));
    loss(s, small_bias(s, small_fc(s, x, 40)));
}

// A net in two columns: parts on one device, on two, or groups.
static void columns(SmallNet *s, unsigned form)
{
    static Net n;
    net_open(&n, (SplitForm)form, GRAPH_TRAIN, s->g->batch, 3, 27, 23);
    net_split(&n, 2);
    net_conv(&n, "c1", 20, net_window(5, 2, 0, true), 1);
    net_relu(&n);
    net_lrn(&n, 5);
    net_max_pool(&n, net_window(3, 2, 0, false));
    net_conv(&n, "c2", 12, net_window(3, 1, 1, false), 1);
    net_relu(&n);
    net_all(&n);
    net_conv(&n, "c3", 18, net_window(3, 1, 1, false), 1);
    net_max_pool(&n, net_window(2, 2, 0, true));
    net_fc(&n, "f1", 14);
    net_relu(&n);
    net_dropout(&n, 0.5, true);
    net_all(&n);
    net_fc(&n, "f2", 10);
    net_join(&n);
    net_fc(&n, "f3", 6);
    net_loss(&n);
    s->g = n.g;
}

// Fully connected layers in groups, as a split's parts on one device are.
static void fc_groups(SmallNet *s, unsigned with)
{
    Node *x = relu(s, small_bias(s, small_fc(s, small_input(s, 3, 5, 4), 26)));
    Node *in[] = { x, small_values(s, "weights", (Shape){ 14, 26 / with, 1, 1 }) };
    Node attr = { .attr.conv.groups = (int)with };
    x = relu(s, small_bias(s, small_op(s, OP_FC, &attr, 2, in)));
    loss(s, small_bias(s, small_fc(s, x, 6)));
}

// Weight gradients over so many images that they are summed in parts, each in many stages.
static void many_images(SmallNet *s, unsigned features)
{
    Node *x = relu(s, small_bias(s, small_fc(s, small_input(s, 3, 2, 2), features)));
    loss(s, small_bias(s, small_fc(s, x, 5)));
}

// More classes than a warp has lanes, softmax over maps in training.
static void many_classes(SmallNet *s, unsigned with)
{
    Node *x = small_bias(s, small_fc(s, small_input(s, 6, 5, 5), 30));
    x = small_op1(s, OP_SOFTMAX, NULL, small_op1(s, OP_TANH, NULL, x));
    loss(s, small_bias(s, small_fc(s, x, with)));
}

// --- full width ---------------------------------------------------------------------------------

// AlexNet's first layer as one of two parts has it.
static void wide_first(SmallNet *s, unsigned with)
{
    (void)with;
    LrnAttr near = { 5, 2, 1e-4, 0.75, 1 };
    Node *x = small_input(s, 3, 99, 99);
    x = relu(s, conv(s, x, 48, 1, rounded_up(small_window(11, 4, 0))));
    x = pooled(s, normalised(s, x, OP_LRN, near), OP_MAX_POOL, small_window(3, 2, 0));
    loss(s, small_bias(s, small_fc(s, x, 10)));
}

// Its fifth, with what stands around it.
static void wide_conv(SmallNet *s, unsigned with)
{
    (void)with;
    Node *x = relu(s, conv(s, small_input(s, 8, 13, 13), 192, 1, small_window(1, 1, 0)));
    x = relu(s, conv(s, x, 128, 1, small_window(3, 1, 1)));
    x = pooled(s, x, OP_MAX_POOL, small_window(3, 2, 0));
    loss(s, small_bias(s, small_fc(s, x, 10)));
}

// Its last.
static void wide_fc(SmallNet *s, unsigned with)
{
    (void)with;
    Node *x = relu(s, small_bias(s, small_fc(s, small_input(s, 12, 1, 1), 4096)));
    loss(s, small_bias(s, small_fc(s, dropped(s, x, 0.5, true), 1000)));
}

// A step of three batches: gradients are gathered, of whole vectors and not.
static void several(SmallNet *s, unsigned with)
{
    s->g->accumulate = 3;
    Node *x = relu(s, conv(s, small_input(s, 3, 7, 7), (int)with, 1, small_window(3, 1, 1)));
    loss(s, small_bias(s, small_fc(s, x, 10)));
}

const CudaNet cuda_nets[] = {
    // The longest first.
    { "fc 4096 -> 1000, updated", wide_fc,       0, 2, true,  true,  TF32, ALL },
    { "fc 4096 -> 1000",          wide_fc,       0, 2, true,  false, 0, ALL },
    { "48 maps of an image",      wide_first,    0, 2, true,  true,  TF32, ALL },
    { "192 -> 128 maps",          wide_conv,     0, 1, true,  true,  BF16, ALL },
    { "192 -> 128 maps, 2 images", wide_conv,    0, 2, true,  true,  0, ALL },
    { "small AlexNet",            small_alexnet, 0, 3, true,  true,  FP32 | TF32, ALL },
    { "small AlexNet, 12 maps in 2 groups", small_alexnet, 3, 3, true, true, BF16, ALL },
    { "small AlexNet, unfused",   small_alexnet, 1, 1, false, false, 0, ALL },
    { "small AlexNet, 2 groups",  small_alexnet, 1, 1, true,  false, 0, ALL },
    { "small AlexNet, 20 maps",   small_alexnet, 2, 3, true,  true,  0, ALL },
    { "pools 0",                  two_pools,     0, 3, true,  true,  TF32, ALL },
    { "pools 1",                  two_pools,     1, 1, true,  true,  BF16, ALL },
    { "pools 2",                  two_pools,     2, 3, true,  true,  FP32, ALL },
    { "pools 3",                  two_pools,     3, 1, false, true,  BF16, ALL },
    { "lrn 0",                    lrn,           0, 3, true,  true,  BF16, ALL },
    { "lrn 1",                    lrn,           1, 1, true,  true,  TF32, ALL },
    { "lrn 2",                    lrn,           2, 3, true,  true,  FP32, ALL },
    { "lrn 3",                    lrn,           3, 1, true,  true,  0, ALL },
    { "lrn 4",                    lrn,           4, 3, true,  true,  0, ALL },
    { "lrn 5, maps",              lrn,           5, 3, true,  true,  BF16, ALL },
    { "lrn 6, maps",              lrn,           6, 1, true,  true,  TF32, ALL },
    { "lrn, rows of 31",          wide_map,     31, 2, true,  true,  0, ALL },
    { "lrn 7, parts",             lrn,           7, 3, true,  true,  TF32, ALL },
    { "lrn, 1101 rows",           tall,       1101, 3, true,  true,  TF32, ALL },
    { "moved",                    moved,         0, 3, true,  false, 0, ALL },
    { "moved vectors",            moved,         1, 1, true,  false, TF32, ALL },
    { "moved, unfused",           moved,         0, 3, false, false, 0, ALL },
    { "runs of images",           batch_net,     1, 5, true,  false, FP32, ALL },
    { "runs of images, unfused",  batch_net,     2, 3, false, false, 0, ALL },
    { "pieces",                   pieces,        0, 3, true,  false, 0, ALL },
    { "pieces, lrn",              pieces,        1, 3, true,  false, 0, ALL },
    { "pieces, pool",             pieces,        2, 3, true,  false, 0, ALL },
    { "pieces, lrn and pool",     pieces,        3, 3, true,  false, BF16, ALL },
    { "three batches",            several,      12, 3, true,  true,  TF32, ALL },
    { "three batches, 7 maps",    several,       7, 3, false, false, BF16, ALL },
    { "joined twice",             joined_twice, 8, 3, true,  false, TF32, ALL },
    { "odd groups",               odd_shapes,    0, 3, true,  true,  TF32, ALL },
    { "odd groups, stored",       odd_shapes,    0, 1, true,  false, FP32, ALL },
    { "pools 0, gradients stored", two_pools,    0, 1, true,  false, TF32, ALL },
    { "strides",                  strides,       0, 3, true,  true,  BF16, ALL },
    { "strides, stored",          strides,       1, 2, true,  false, 0, ALL },
    { "parts",                    columns,       FORM_PARTS, 3, true, true, BF16, ALL },
    { "parts, unfused",           columns,       FORM_PARTS, 1, false, false, 0, ALL },
    { "parts on two devices",     columns,       FORM_SPLIT, 3, true, true, 0, ALL },
    { "parts as groups",          columns,       FORM_GROUPED, 3, true, true, 0, ALL },
    { "fc in 2 groups",           fc_groups,     2, 3, true,  true,  BF16, ALL },
    { "fc in 2 groups, stored",   fc_groups,     2, 1, true,  false, TF32, ALL },
    { "1000 images, stored",      many_images,   9, 1000, true, false, 0, ALL },
    { "34 x 34 taps",             odd_shapes,    1, 3, true,  true,  0, ALL },
    { "77 classes",               many_classes, 77, 3, true,  true,  BF16, ALL },
    { "300 classes",              many_classes, 300, 3, true, true,  0, ALL },
    { "local 0",                  local_net,     0, 3, true,  true,  0, ALL },
    { "local 1",                  local_net,     1, 3, true,  true,  TF32, ALL },
    { "local 2, of an image",     local_net,     2, 2, true,  false, BF16, ALL },
    { "local 3, one place",       local_net,     3, 5, true,  true,  0, ALL },
    { "local 4, one pixel",       local_net,     4, 33, true, true,  FP32, ALL },
    { "local 5, unfused",         local_net,     5, 1, false, false, 0, ALL },
    { "local 6",                  local_net,     6, 2, true,  true,  0, ALL },
    { "local 7",                  local_net,     7, 2, true,  true,  0, ALL },
    { "random net 0",             map_net,       0, 1, true,  false, 0, ALL },
    { "random net 1",             map_net,       1, 3, true,  false, 0, ALL },
    { "random net 2",             map_net,       2, 1, true,  false, 0, ALL },
    { "random net 3",             map_net,       3, 3, false, false, 0, ALL },
    { "random net 4",             map_net,       4, 3, true,  false, 0, ALL },
    { "random net 5",             map_net,       5, 1, true,  false, 0, ALL },
    { "random net 6",             map_net,       6, 3, true,  false, 0, ALL },
    { "random net 7",             map_net,       7, 3, false, false, 0, ALL },
    { "random net 8",             map_net,       8, 3, true,  false, 0, ALL },
    { NULL, NULL, 0, 0, false, false, 0, 0 }
};
