// Head of the solver's step on GPUs, for one parameter whose gradient is stored.
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { THREADS = 256, LANES = 4 };

// The gradient stands as the parameter does, whatever its elements.
bool cuda_sgd_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    Layout gradient = n->in[1]->layout;
    gradient.element = n->in[0]->layout.element;
    return n->op == OP_SGD && gradient.element == ELEMENT_FLOAT && layout_equal(&gradient, &n->in[0]->layout);
}

bool cuda_sgd_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *param = n->in[0];
    int64_t count = layout_elements(&param->layout, param->shape);
    int lanes = count % LANES ? 1 : LANES;
    int g = kern_read(k, n->in[1]);
    kern_read_state(k);
    cuda_write_weights(k, param);
    cuda_launch(k, cuda_blocks(count / lanes, THREADS), 1, 1, THREADS, 0);
    k->bytes = cuda_bytes(n->in[1]) + cuda_update_bytes(param);
    k->reason = "the gradient is stored; one pass over it, weights and velocity";
    cuda_open(e, k, lanes, "a run of elements", "neighbouring elements");
    head_constant(e, "COUNT", count);
    cuda_tensor(e, "G", g, n->in[1]);
    cuda_weights(e, k, n);
    head_constant(e, "WAITS", n->attr.update.waits);
    return head_body(e, "cuda/sgd.cu");
}
