// Reverse-mode differentiation of the loss. Before: a placed graph of plain forward nodes. After,
// in a graph that is trained: backward nodes, and one update of every part of every parameter
// behind all that read it. What leads to no parameter is not computed (no input gradient of the
// first layer). Test and predict graphs stay as they are.
#include "ir/gradient.h"
#include "pass/pass.h"

static void mark_wanted(const Graph *g, bool *wanted)
{
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        wanted[i] = n->op == OP_PARAM;
        for (int k = 0; k < n->inputs; k++)
            wanted[i] = wanted[i] || wanted[n->in[k]->id];
    }
}

// dL/d(n): all that its users gave, parts in their fixed order. NULL: nothing leads to the loss.
static Node *whole_gradient(Graph *g, Node *n)
{
    int part, parts;
    Node *sum = gradient_take(g, n, &part, &parts);
    for (Node *more; sum && (more = gradient_take(g, n, &part, &parts)); )
        sum = gradient_sum(g, n, sum, more);
    return sum;
}

// The gradient of a copy is a copy back. What the readers of each part gave goes back apart, so
// that the owner adds up the same terms in the same order as if there were no copy.
static void copy_back(Graph *g, Node *copy)
{
    Node *owner = copy->in[0];
    int part, parts;
    for (Node *dy; (dy = gradient_take(g, copy, &part, &parts)); ) {
        Node *back = gradient_node(g, copy->op, "back", copy, 1, &dy);
        back->device = owner->device;
        back->part = owner->part;
        back->parts = owner->parts;
        graph_infer(g, back);
        g->gradients->part = part;
        g->gradients->parts = parts;
        gradient_add(g, owner, back);
    }
}

// Where a step has several batches, weights follow what their gradients come to.
static Node *accumulated(Graph *g, Node *param, Node *dw)
{
    Node *n = gradient_node(g, OP_ACCUMULATE, "sum", param, 1, &dw);
    n->attr.accumulate.batches = g->accumulate;
    graph_infer(g, n);
    return n;
}

static void add_update(Graph *g, Node *param, Node *dw)
{
    if (g->accumulate > 1)
        dw = accumulated(g, param, dw);
    Node *n = gradient_node(g, OP_SGD, "update", param, 2, (Node *[]){ param, dw });
    n->role = ROLE_UPDATE;
    n->attr.update.param = param->attr.param.param->index;
    n->attr.update.rule = g->rule;
    n->attr.update.waits = g->accumulate > 1;
    graph_infer(g, n);
}

static void differentiate(Graph *g, Node *n)
{
    if (op_has(n->op, OP_TRANSFER)) {
        copy_back(g, n);
        return;
    }
    g->gradients->part = n->part;
    g->gradients->parts = n->parts;
    Node *dy = n == g->loss ? NULL : whole_gradient(g, n);
    if (!dy && n != g->loss)
        return;
    if (n->op == OP_PARAM)
        add_update(g, n, dy);
    else if (op_table[n->op]->grad)
        op_table[n->op]->grad(g, n, dy);
}

bool pass_autodiff(Graph *g, const PassOptions *o)
{
    (void)o;
    if (g->mode != GRAPH_TRAIN || !g->loss)
        return true;
    int forward = g->count, before = g->diag->errors;
    Gradients gradients = { .wanted = ARENA_ARRAY(g->arena, bool, forward),
                            .given = ARENA_ARRAY(g->arena, Contribution *, forward),
                            .count = forward };
    mark_wanted(g, gradients.wanted);
    g->gradients = &gradients;
    for (int i = forward - 1; i >= 0; i--)
        if (gradients.wanted[i])
            differentiate(g, g->nodes[i]);
    g->gradients = NULL;
    return g->diag->errors == before;
}
