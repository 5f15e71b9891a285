// Head of the sum of a parameter's gradients over the batches of a step, on GPUs.
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { THREADS = 256, LANES = 4 };

// The sum is of floats, whatever the gradient's elements.
bool cuda_accumulate_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    Layout gradient = n->in[0]->layout;
    gradient.element = ELEMENT_FLOAT;
    return n->op == OP_ACCUMULATE && layout_equal(&gradient, &n->layout);
}

bool cuda_accumulate_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    int64_t count = layout_elements(&n->layout, n->shape);
    int lanes = count % LANES ? 1 : LANES;
    int g = kern_read(k, n->in[0]);
    int state = kern_read_state(k), sum = kern_write(k, n);
    cuda_launch(k, cuda_blocks(count / lanes, THREADS), 1, 1, THREADS, 0);
    k->bytes = cuda_bytes(n->in[0]) + 2 * cuda_bytes(n);
    k->reason = "weights follow behind the last batch of a step";
    cuda_open(e, k, lanes, "a run of elements", "neighbouring elements");
    head_constant(e, "COUNT", count);
    head_real(e, "SHARE", 1.0 / n->attr.accumulate.batches);
    cuda_tensor(e, "G", g, n->in[0]);
    head_constant(e, "STATE", state);
    head_constant(e, "SUM", sum);
    return head_body(e, "cuda/accumulate.cu");
}
