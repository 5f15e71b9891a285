// Heads of softmax, its gradient, and of the loss with all that reads the same scores and labels, on GPUs.
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { MOST_THREADS = 256, WARP = 32, LEAST_BLOCKS = 128 };

// Vectors stand in the same order on both sides.
static bool same_vectors(const Node *a, const Node *b)
{
    Layout x = layout_compact(a->layout), y = layout_compact(b->layout);
    x.element = y.element;
    return x.kind == LAYOUT_NHWC && shape_equal(a->shape, b->shape) && layout_equal(&x, &y);
}

// GROUP lanes of a warp for each of `items`, which are `blocks` vectors; the launch; the head's start.
static void open_groups(Emit *e, Kern *k, const Node *n, int64_t items, const char *block, const char *thread)
{
    int64_t blocks = layout_rows(&n->layout, n->shape);
    int group = 1, threads = MOST_THREADS;
    while (group < WARP && group < blocks)
        group *= 2;
    while (threads > WARP && cuda_blocks(items * group, threads) < LEAST_BLOCKS)
        threads /= 2;
    cuda_launch(k, cuda_blocks(items * group, threads), 1, 1, threads, 0);
    k->bytes = cuda_argument_bytes(k);
    cuda_open(e, k, n->layout.vector, block, thread);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "GROUP", group);
}

// --- softmax ------------------------------------------------------------------------------------

bool cuda_softmax_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return same_vectors(n, n->in[0]) && (n->inputs < 2 || same_vectors(n, n->in[1]));
}

bool cuda_softmax_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[n->op == OP_SOFTMAX_DX];
    bool is_gradient = n->op == OP_SOFTMAX_DX;
    int64_t pixels = n->shape.n * n->shape.h * n->shape.w;
    int dy = kern_read(k, n->in[0]), ax = kern_read(k, x), y = kern_write(k, n);
    k->reason = "one pass over memory, pixel by pixel";
    open_groups(e, k, n, pixels, "some pixels", "a part of the channels of a pixel");
    head_constant(e, "PIXELS", pixels);
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    head_constant(e, "IS_GRADIENT", is_gradient);
    if (is_gradient)
        cuda_tensor(e, "DY", dy, n->in[0]);
    cuda_tensor(e, "X", ax, x);
    cuda_tensor(e, "Y", y, n);
    head_lanes(e, "LANES_OF", n, LANES_CHANNELS);
    return head_body(e, "cuda/softmax.cu");
}

// --- loss ---------------------------------------------------------------------------------------

bool cuda_loss_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *z = g->root->in[0];
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_CROSS_ENTROPY_DX && !same_vectors(z, g->nodes[i]))
            return false;
    return z->layout.kind == LAYOUT_NHWC && z->shape.h * z->shape.w == 1;
}

// The group's output of this op; NULL: it has none.
static const Node *output_of(const Group *g, Op op)
{
    for (int i = 0; i < g->output_count; i++)
        if (g->outputs[i]->op == op)
            return g->outputs[i];
    return NULL;
}

static void print_tops(Emit *e, const Kern *k)
{
    head_list(e, "TOPS(X)");
    for (int i = 0; i < k->group->output_count; i++) {
        const Node *n = k->group->outputs[i];
        if (n->op == OP_TOP)
            fprintf(e->text, " X(%d, %d)", kern_find(k, n), n->attr.top.k);
    }
    fputc('\n', e->text);
}

bool cuda_loss_emit(Emit *e, Kern *k)
{
    const Group *g = k->group;
    const Node *z = g->root->in[0], *loss = output_of(g, OP_CROSS_ENTROPY);
    const Node *gradient = output_of(g, OP_CROSS_ENTROPY_DX);
    int az = kern_read(k, z), label = kern_read(k, g->root->in[1]);
    int state = loss ? kern_read_state(k) : -1;
    kern_write_outputs(k);
    k->reason = "all that reads the scores in one pass over them";
    open_groups(e, k, z, z->shape.n, "some images", "a part of the classes of an image");
    head_constant(e, "N", z->shape.n);
    head_constant(e, "CLASSES", z->shape.c);
    head_constant(e, "HAS_LOSS", loss != NULL);
    head_constant(e, "HAS_GRADIENT", gradient != NULL);
    head_constant(e, "LABEL", label);
    cuda_tensor(e, "Z", az, z);
    cuda_elements(e, "Z", z);
    head_lanes(e, "LANES_OF", z, LANES_CHANNELS);
    head_channel(e, "CLASS_OF", z);
    head_constant(e, "CLASS_STEP", head_channel_step(z));
    if (loss) {
        head_constant(e, "STATE", state);
        head_constant(e, "LOSS", kern_find(k, loss));
    }
    if (gradient)
        cuda_tensor(e, "GRADIENT", kern_find(k, gradient), gradient);
    print_tops(e, k);
    return head_body(e, "cuda/loss.cu");
}
