// The origins of a moving group's channels and images, by its root's op.
#include "emit/origin.h"

bool origin_cuts_batch(Op op)
{
    return op == OP_BATCH_CONCAT || op == OP_BATCH_SLICE || op == OP_BATCH_EMBED;
}

int origin_count(const Group *g)
{
    Op op = g->root->op;
    bool joins = op == OP_CONCAT || op == OP_BATCH_CONCAT || op == OP_JOIN || op == OP_ALL;
    return joins ? g->root->inputs : 1;
}

Origin origin_at(const Group *g, int i)
{
    const Node *n = g->root, *x = n->in[i];
    Origin s = { .x = x, .channels = x->shape.c, .images = x->shape.n };
    for (int q = 0; q < i; q++)
        *(n->op == OP_BATCH_CONCAT ? &s.to_image : &s.to) +=
            n->op == OP_BATCH_CONCAT ? n->in[q]->shape.n : n->in[q]->shape.c;
    if (n->op == OP_SLICE) {
        s.from = n->attr.slice.first;
        s.channels = n->shape.c;
    } else if (n->op == OP_EMBED) {
        s.to = n->attr.slice.first;
    } else if (n->op == OP_BATCH_SLICE) {
        s.from_image = n->attr.slice.first;
        s.images = n->shape.n;
    } else if (n->op == OP_BATCH_EMBED) {
        s.to_image = n->attr.slice.first;
    }
    return s;
}

bool origin_is_whole(const Group *g)
{
    Origin s = origin_at(g, 0);
    return origin_count(g) == 1 && s.images == s.x->shape.n && s.images == g->root->shape.n &&
           g->root->op != OP_SLICE && g->root->op != OP_EMBED;
}
