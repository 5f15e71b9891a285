// Finds the copies of the forward pass and those that bring their gradients back.
#include "look/comm.h"

// Who computes with a value: the first reader behind views.
static const Layer *reader(const Graph *g, const Node *n)
{
    for (int i = n->id + 1; i < g->count; i++)
        for (int k = 0; k < g->nodes[i]->inputs; k++)
            if (g->nodes[i]->in[k] == n && g->nodes[i]->role == ROLE_FORWARD)
                return op_has(g->nodes[i]->op, OP_VIEW) ? reader(g, g->nodes[i]) : g->nodes[i]->layer;
    return NULL;
}

static int64_t backward_bytes(const Graph *g, const Node *copy)
{
    int64_t bytes = 0;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->role == ROLE_BACKWARD && g->nodes[i]->forward == copy &&
            op_has(g->nodes[i]->op, OP_TRANSFER))
            bytes += 4 * shape_count(g->nodes[i]->shape);
    return bytes;
}

// Of a GPU's program weights may cross in the layout that contractions read.
static bool is_weights(const Node *n)
{
    while (n->op == OP_RELAYOUT)
        n = n->in[0];
    return op_has(n->op, OP_WEIGHTS);
}

static void add_crossing(Comm *comm, const Node *copy)
{
    const Graph *g = comm->graph;
    Crossing *row = &comm->rows[comm->count++];
    *row = (Crossing){ .copy = copy, .layer = copy->in[0]->layer, .to = reader(g, copy),
                       .from = copy->in[0]->device,
                       .is_weights = is_weights(copy->in[0]),
                       .forward = 4 * shape_count(copy->shape), .backward = backward_bytes(g, copy) };
    comm->step += row->forward + row->backward;
    if (row->is_weights)
        return;
    row->forward /= g->batch;
    row->backward /= g->batch;
    comm->forward += row->forward;
    comm->backward += row->backward;
}

Comm look_comm(Compilation *c, const About *about)
{
    const Graph *g = c->graphs[GRAPH_TRAIN];
    Comm comm = { .graph = g, .rows = ARENA_ARRAY(&c->arena, Crossing, g->count + 1) };
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (n->role == ROLE_FORWARD && op_has(n->op, OP_TRANSFER) && about_layer(about, &c->diag, n->layer))
            add_crossing(&comm, n);
    }
    return comm;
}
