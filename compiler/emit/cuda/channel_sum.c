// Head of the gradient of a bias on GPUs: sums over images and pixels of an NHWC map.
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { MOST_THREADS = 1024, LEAST_THREADS = 64, WIDEST_SLAB = 8, LEAST_BLOCKS = 128, LEAST_PIXELS = 4 };

bool cuda_channel_sum_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Layout *x = &g->root->in[0]->layout, *y = &g->root->layout;
    return x->kind == LAYOUT_NHWC && y->kind == LAYOUT_NHWC && x->vector == y->vector
        && layout_rows(x, g->root->in[0]->shape) == layout_rows(y, g->root->shape);
}

// Vectors of a block: as many as leave enough blocks for a GPU, but whole sectors of 32 bytes.
static int slab_of(int64_t blocks)
{
    int slab = WIDEST_SLAB;
    while (slab > 2 && cuda_blocks(blocks, slab) < LEAST_BLOCKS)
        slab /= 2;
    return slab;
}

bool cuda_channel_sum_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0];
    int64_t pixels = x->shape.n * x->shape.h * x->shape.w;
    int64_t blocks = layout_rows(&x->layout, x->shape);
    int slab = slab_of(blocks), threads = MOST_THREADS, lanes = x->layout.vector;
    while (threads > LEAST_THREADS && threads / slab * LEAST_PIXELS > pixels)
        threads /= 2;
    int ax = kern_read(k, x), ay = kern_write(k, n);
    cuda_launch(k, cuda_blocks(blocks, slab), 1, 1, threads, 0);
    k->bytes = cuda_argument_bytes(k);
    k->reason = "every pixel is read once, in a fixed order of sums";
    cuda_open(e, k, lanes, "the sums of some channels", "a part of the sums of neighbouring channels");
    head_constant(e, "PIXELS", pixels);
    head_constant(e, "H", x->shape.h);
    head_constant(e, "W", x->shape.w);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "SLAB", slab);
    head_constant(e, "ROWS", threads / slab);
    head_constant(e, "CHAINS", lanes > 4 ? 2 : 4);
    cuda_tensor(e, "X", ax, x);
    cuda_tensor(e, "Y", ay, n);
    return head_body(e, "cuda/channel_sum.cu");
}
