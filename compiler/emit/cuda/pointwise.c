// Chains of pointwise nodes on GPUs: one thread a block of channels of one pixel.
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { THREADS = 256 };

bool cuda_pointwise_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->nodes[g->count - 1]->layout.kind == LAYOUT_NHWC;
}

bool cuda_pointwise_emit(Emit *e, Kern *k)
{
    const Group *g = k->group;
    const Node *in = g->nodes[0]->in[0], *out = g->nodes[g->count - 1];
    int x = kern_read(k, in);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    int lanes = out->layout.vector;
    bool is_map = out->shape.h * out->shape.w > 1;
    int64_t blocks = layout_rows(&out->layout, out->shape);
    int64_t threads = out->shape.n * blocks * out->shape.h * out->shape.w;
    cuda_launch(k, (threads + THREADS - 1) / THREADS, 1, 1, THREADS, 0);
    k->bytes = (int64_t)sizeof(float) * shape_count(out->shape) * k->arg_count;
    k->reason = "one pass over memory for the whole chain";
    cuda_open(e, k, lanes, "neighbouring pixels", "some channels of one pixel");
    head_constant(e, "COUNT", threads);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "H", is_map ? out->shape.h : 1);
    head_constant(e, "W", is_map ? out->shape.w : 1);
    cuda_tensor(e, "X", x, in);
    cuda_tensor(e, "Y", y, out);
    return head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cuda/pointwise.cu");
}
