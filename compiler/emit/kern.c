// The arguments of a kernel being made: which tensor is t[i]. Read ones first, then written ones.
#include "emit/kernel.h"
#include <assert.h>

typedef enum { ARG_TENSOR, ARG_VELOCITY, ARG_PLACES, ARG_STATE, ARG_PARTIAL } ArgWhat;

static ArgWhat what_is(const Kern *k, int i)
{
    return k->is_partial[i] ? ARG_PARTIAL : k->is_state[i] ? ARG_STATE : k->is_places[i] ? ARG_PLACES
         : k->is_velocity[i] ? ARG_VELOCITY : ARG_TENSOR;
}

static int find(const Kern *k, const Node *n, ArgWhat what)
{
    for (int i = 0; i < k->arg_count; i++)
        if (what_is(k, i) == what && k->args[i] == n)
            return i;
    return -1;
}

static int add(Kern *k, const Node *n, ArgWhat what, bool is_written)
{
    int i = find(k, n, what);
    if (i >= 0)
        return i;
    assert(k->arg_count < KERNEL_TENSORS && (is_written || k->writes == 0));
    i = k->arg_count++;
    k->writes += is_written;
    k->args[i] = n;
    k->is_velocity[i] = what == ARG_VELOCITY;
    k->is_places[i] = what == ARG_PLACES;
    k->is_state[i] = what == ARG_STATE;
    k->is_partial[i] = what == ARG_PARTIAL;
    return i;
}

int kern_read(Kern *k, const Node *n) { return add(k, n, ARG_TENSOR, false); }
int kern_read_places(Kern *k, const Node *pool) { return add(k, pool, ARG_PLACES, false); }
int kern_read_state(Kern *k) { return add(k, NULL, ARG_STATE, false); }
int kern_read_partial(Kern *k) { return add(k, NULL, ARG_PARTIAL, false); }
int kern_write(Kern *k, const Node *n) { return add(k, n, ARG_TENSOR, true); }
int kern_write_places(Kern *k, const Node *pool) { return add(k, pool, ARG_PLACES, true); }
int kern_write_param(Kern *k, const Node *param) { return add(k, param, ARG_TENSOR, true); }
int kern_write_velocity(Kern *k, const Node *param) { return add(k, param, ARG_VELOCITY, true); }

int kern_write_partial(Kern *k, int64_t floats)
{
    k->partial = floats;
    return add(k, NULL, ARG_PARTIAL, true);
}

int kern_find(const Kern *k, const Node *n) { return find(k, n, ARG_TENSOR); }
int kern_find_velocity(const Kern *k, const Node *param) { return find(k, param, ARG_VELOCITY); }
int kern_find_state(const Kern *k) { return find(k, NULL, ARG_STATE); }
int kern_find_places(const Kern *k, const Node *pool) { return find(k, pool, ARG_PLACES); }

bool group_computes(const Group *g, const Node *n)
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i] == n)
            return true;
    return false;
}

const Node *group_result(const Group *g)
{
    return g->nodes[g->count - 1];
}

static void read_operands(Kern *k, const Node *n, const Node *flow)
{
    for (int q = 0; q < n->inputs; q++)
        if (n->in[q] != flow && !group_computes(k->group, n->in[q]) && epilogue_uses(n, q))
            kern_read(k, n->in[q]);
    if (op_has(n->op, OP_RANDOM))
        kern_read_state(k);
}

void kern_read_operands(Kern *k)
{
    const Group *g = k->group;
    const Node *flow = g->pattern == PATTERN_POINTWISE ? g->nodes[0]->in[0] : NULL;
    for (int i = 0; i < g->prologue_count; i++)
        read_operands(k, g->nodes[i], flow);
    for (int i = 0; i < g->epilogue_count; i++)
        read_operands(k, g->epilogue[i], flow);
}

int kern_write_outputs(Kern *k)
{
    int last = -1;
    for (int i = 0; i < k->group->output_count; i++)
        last = kern_write(k, k->group->outputs[i]);
    return last;
}
