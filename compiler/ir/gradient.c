// Reverse-mode bookkeeping: what users gave to a node, and the one order in which it is summed.
#include "ir/gradient.h"

bool gradient_wanted(const Graph *g, const Node *n)
{
    return n->id < g->gradients->count && g->gradients->wanted[n->id];
}

// Users are visited from last to first, so putting a contribution in front gives forward order.
void gradient_add(Graph *g, Node *n, Node *dx)
{
    Gradients *all = g->gradients;
    Contribution *c = ARENA_NEW(g->arena, Contribution);
    *c = (Contribution){ dx, all->part, all->parts, all->given[n->id] };
    all->given[n->id] = c;
}

Node *gradient_node(Graph *g, Op op, const char *suffix, Node *forward, int inputs, Node *const *in)
{
    const char *name = arena_printf(g->arena, "%s.%s", forward->name, suffix);
    Node *n = graph_add(g, op, name, forward->at, forward->layer, inputs, in);
    n->role = ROLE_BACKWARD;
    n->forward = forward;
    n->device = forward->device;
    n->part = forward->part;
    n->parts = forward->parts;
    return n;
}

Node *gradient_sum(Graph *g, Node *forward, Node *a, Node *b)
{
    Node *sum = gradient_node(g, OP_ADD, "sum", forward, 2, (Node *[]){ a, b });
    graph_infer(g, sum);
    return sum;
}

// Smaller comes first: users of n's own part, then those outside of splits, then by part; those of
// an inner split behind those of the outer one.
static int rank(const Node *n, const Contribution *c)
{
    if (c->parts == n->parts && c->part == n->part)
        return 0;
    return c->parts == 1 ? 1 : c->parts * GRAPH_DEVICES + c->part;
}

Node *gradient_take(Graph *g, Node *n, int *part, int *parts)
{
    Contribution **list = &g->gradients->given[n->id];
    Contribution *best = *list;
    for (Contribution *c = best; c; c = c->next)
        if (rank(n, c) < rank(n, best))
            best = c;
    if (!best)
        return NULL;
    *part = best->part;
    *parts = best->parts;
    Node *sum = NULL;
    for (Contribution **at = list; *at; ) {
        Contribution *c = *at;
        if (c->part != *part || c->parts != *parts) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        sum = sum ? gradient_sum(g, n, sum, c->dx) : c->dx;
    }
    return sum;
}
