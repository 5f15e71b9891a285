// Head of the sum of a parameter's gradients over the batches of a step.
#include "emit/cpu/maps.h"

enum { CHUNK = 16 * 1024 };

bool accumulate_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->op == OP_ACCUMULATE && layout_equal(&g->root->layout, &g->root->in[0]->layout);
}

bool accumulate_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    int64_t count = layout_elements(&n->layout, n->shape);
    int g = kern_read(k, n->in[0]), state = kern_read_state(k), sum = kern_write(k, n);
    k->item_kind = ITEMS_JOBS;
    k->items = (count + CHUNK - 1) / CHUNK;
    k->bytes = 3 * node_bytes(n);
    k->reason = "weights follow behind the last batch of a step";
    head_open(e, k, "a run of elements");
    head_constant(e, "COUNT", count);
    head_constant(e, "CHUNK", CHUNK);
    head_real(e, "SHARE", 1.0 / n->attr.accumulate.batches);
    head_constant(e, "ARG_G", g);
    head_constant(e, "ARG_STATE", state);
    head_constant(e, "ARG_SUM", sum);
    return head_body(e, "cpu/accumulate.c");
}
