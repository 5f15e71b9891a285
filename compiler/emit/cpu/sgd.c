// Head of the solver's step for one parameter whose gradient is stored.
#include "emit/cpu/maps.h"

enum { CHUNK = 16 * 1024 };

bool sgd_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return n->op == OP_SGD && layout_elements(&n->in[0]->layout, n->shape)
                              == layout_elements(&n->in[1]->layout, n->shape);
}

bool sgd_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *param = n->in[0];
    int64_t count = layout_elements(&param->layout, param->shape);
    int g = kern_read(k, n->in[1]), state = kern_read_state(k);
    int w = kern_write_param(k, param), v = kern_write_velocity(k, param);
    k->item_kind = ITEMS_JOBS;
    k->items = (count + CHUNK - 1) / CHUNK;
    k->bytes = 5 * node_bytes(param);
    k->reason = "the gradient is stored; one pass over it, weights and velocity";
    head_open(e, k, "a run of elements");
    head_constant(e, "COUNT", count);
    head_constant(e, "CHUNK", CHUNK);
    head_constant(e, "PARAM", n->attr.update.param);
    head_constant(e, "RULE", n->attr.update.rule);
    head_constant(e, "WAITS", n->attr.update.waits);
    head_constant(e, "ARG_G", g);
    head_constant(e, "ARG_STATE", state);
    head_constant(e, "ARG_W", w);
    head_constant(e, "ARG_V", v);
    return head_body(e, "cpu/sgd.c");
}
