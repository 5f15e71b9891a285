// The origins of a moving group's channels, by its root's op.
#include "emit/origin.h"

int origin_count(const Group *g)
{
    Op op = g->root->op;
    return op == OP_CONCAT || op == OP_JOIN || op == OP_ALL ? g->root->inputs : 1;
}

Origin origin_at(const Group *g, int i)
{
    const Node *n = g->root, *x = n->in[i];
    Origin s = { .x = x, .channels = x->shape.c };
    for (int q = 0; q < i; q++)
        s.to += n->in[q]->shape.c;
    if (n->op == OP_SLICE) {
        s.from = n->attr.slice.first;
        s.channels = n->shape.c;
    } else if (n->op == OP_EMBED) {
        s.to = n->attr.slice.first;
    }
    return s;
}
