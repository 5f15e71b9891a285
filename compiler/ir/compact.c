// Puts the nodes of a graph in order again after a rewrite, and drops what nothing needs.
#include "ir/graph.h"

typedef struct {
    Graph *g;
    bool  *needed, *placed, *open;     // by node id
    Node **order;
    int    count;
    int   *first_user;                 // users of node i: user[first_user[i] .. first_user[i + 1])
    Node **user;
} Compact;

static void need(Compact *c, Node **stack, int *depth, Node *n)
{
    if (n && !c->needed[n->id]) {
        c->needed[n->id] = true;
        stack[(*depth)++] = n;
    }
}

static void mark_needed(Compact *c)
{
    Graph *g = c->g;
    Node **stack = ARENA_ARRAY(g->arena, Node *, g->count + 1);
    int depth = 0;
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_SOURCE | OP_UPDATE))
            need(c, stack, &depth, g->nodes[i]);
    for (int i = 0; i < g->output_count; i++)
        need(c, stack, &depth, g->outputs[i].node);
    for (int i = 0; i < g->metric_count; i++)
        need(c, stack, &depth, g->metrics[i]);
    need(c, stack, &depth, g->scores);
    need(c, stack, &depth, g->loss);
    while (depth) {
        Node *n = stack[--depth];
        for (int i = 0; i < n->inputs; i++)
            need(c, stack, &depth, n->in[i]);
    }
}

static void list_users(Compact *c)
{
    Graph *g = c->g;
    int edges = 0;
    c->first_user = ARENA_ARRAY(g->arena, int, g->count + 2);
    for (int i = 0; i < g->count; i++)
        for (int k = 0; c->needed[i] && k < g->nodes[i]->inputs; k++, edges++)
            c->first_user[g->nodes[i]->in[k]->id + 2]++;
    for (int i = 2; i <= g->count; i++)
        c->first_user[i] += c->first_user[i - 1];
    c->user = ARENA_ARRAY(g->arena, Node *, edges + 1);
    // Entry i + 1 walks from the start of i's users to their end.
    for (int i = 0; i < g->count; i++)
        for (int k = 0; c->needed[i] && k < g->nodes[i]->inputs; k++)
            c->user[c->first_user[g->nodes[i]->in[k]->id + 1]++] = g->nodes[i];
}

// What must stand before n: its inputs, and for an update the other readers of its parameter.
// NULL behind the last.
static Node *before(const Compact *c, const Node *n, int i)
{
    if (i < n->inputs)
        return n->in[i];
    if (!op_has(n->op, OP_UPDATE))
        return NULL;
    int reader = c->first_user[n->in[0]->id] + i - n->inputs;
    return reader < c->first_user[n->in[0]->id + 1] ? c->user[reader] : NULL;
}

// Depth first with a stack of our own: a long chain must not use up the machine's.
static void place(Compact *c, Node **stack, int *next, Node *root)
{
    int depth = 0;
    stack[0] = root;
    next[0] = 0;
    while (depth >= 0) {
        Node *n = stack[depth];
        if (c->placed[n->id]) {
            depth--;
            continue;
        }
        c->open[n->id] = true;
        Node *b = before(c, n, next[depth]++);
        if (!b) {
            c->placed[n->id] = true;
            c->order[c->count++] = n;
            depth--;
        } else if (!c->placed[b->id] && !c->open[b->id]) {
            depth++;
            stack[depth] = b;
            next[depth] = 0;
        }
    }
}

void graph_compact(Graph *g)
{
    for (int i = 0; i < g->count; i++)
        g->nodes[i]->id = i;
    Compact c = { .g = g, .needed = ARENA_ARRAY(g->arena, bool, g->count + 1),
                  .placed = ARENA_ARRAY(g->arena, bool, g->count + 1),
                  .open = ARENA_ARRAY(g->arena, bool, g->count + 1),
                  .order = ARENA_ARRAY(g->arena, Node *, g->count + 1) };
    mark_needed(&c);
    list_users(&c);
    Node **stack = ARENA_ARRAY(g->arena, Node *, g->count + 1);
    int *next = ARENA_ARRAY(g->arena, int, g->count + 1);
    for (int i = 0; i < g->count; i++)
        if (c.needed[i] && !c.placed[i])
            place(&c, stack, next, g->nodes[i]);
    for (int i = 0; i < c.count; i++) {
        g->nodes[i] = c.order[i];
        g->nodes[i]->id = i;
    }
    g->count = c.count;
}
