// Adds up what nodes cost.
#include "look/cost.h"

static int64_t macs_of_image(const Graph *g, const Node *n)
{
    return op_table[n->op]->cost ? op_table[n->op]->cost(n).macs / g->batch : 0;
}

static void add(Cost *to, Cost c)
{
    to->parameters += c.parameters;
    to->macs += c.macs;
}

Costs look_cost(Compilation *c)
{
    const Graph *g = c->graphs[GRAPH_PREDICT], *train = c->graphs[GRAPH_TRAIN];
    Costs costs = { .graph = g, .layer = ARENA_ARRAY(&c->arena, Cost, g->layer_count + 1) };
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        Cost own = { n->op == OP_PARAM ? shape_count(n->shape) : 0, macs_of_image(g, n) };
        add(&costs.total, own);
        add(&costs.device[n->device], own);
        if (n->layer)
            add(&costs.layer[n->layer->index], own);
    }
    for (int i = 0; train->loss && i < train->count; i++)
        costs.train_macs += macs_of_image(train, train->nodes[i]);
    return costs;
}
