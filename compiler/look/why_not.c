// Walks from a layer's nodes back to those of another: through what only moves or renames values to
// its neighbour, through other layers to what lies between.
#include "look/why_not.h"
#include "look/why.h"
#include "pass/pass.h"
#include <assert.h>

typedef struct {
    Compilation *c;
    const Graph *g;
    NodeRole     role;
    const Layer *from, *to;    // the value flows from `from` to `to`
    int         *seen;         // by node id: the reader (its id + 1) that source_of has asked for it
} Search;

// Views, other layouts, copies: no layer's own work.
static bool only_moves(const Node *n)
{
    return !n->group || op_has(n->op, OP_TRANSFER) || n->op == OP_RELAYOUT || n->op == OP_FLIP;
}

static bool works_for(const Search *s, const Node *n, const Layer *layer)
{
    return n->layer == layer && n->role == s->role && !only_moves(n);
}

// --- one kernel -----------------------------------------------------------------------------------

static bool computes(const Search *s, const Group *group, const Layer *layer)
{
    for (int i = 0; i < group->count; i++)
        if (works_for(s, group->nodes[i], layer))
            return true;
    return false;
}

static bool find_together(const Search *s, Pair *pair)
{
    for (int i = 0; i < s->g->group_count; i++) {
        const Group *group = s->g->groups[i];
        if (!computes(s, group, s->from) || !computes(s, group, s->to))
            continue;
        *pair = (Pair){ .kind = PAIR_TOGETHER, .from = group, .to = group, .reason = group->reason };
        return true;
    }
    return false;
}

// --- neighbours -----------------------------------------------------------------------------------

// The node of `from` that `n` reads, directly or behind moves; `*move` is the last kernel between.
static const Node *source_of(const Search *s, const Node *reader, const Node *n, const Node **move)
{
    for (int i = 0; i < n->inputs; i++) {
        const Node *in = n->in[i];
        if (works_for(s, in, s->from))
            return in;
        if (!only_moves(in) || s->seen[in->id] == reader->id + 1)
            continue;
        s->seen[in->id] = reader->id + 1;
        const Node *found = source_of(s, reader, in, move);
        if (found && in->group && !*move)
            *move = in;
        if (found)
            return found;
    }
    return NULL;
}

static const char *moved(const Search *s, const Node *move)
{
    if (op_has(move->op, OP_TRANSFER))
        return arena_printf(&s->c->arena, "it runs on another device, and %s carries the value there",
                            move->name);
    return arena_printf(&s->c->arena, "it reads %s where %s leaves %s: %s moves the values between, in a "
                        "kernel of its own", layout_name(move->layout.kind), move->in[0]->name,
                        layout_name(move->in[0]->layout.kind), move->name);
}

static bool find_neighbours(const Search *s, Pair *pair)
{
    for (int i = 0; i < s->g->count; i++) {
        const Node *reader = s->g->nodes[i], *move = NULL;
        const Node *source = works_for(s, reader, s->to) ? source_of(s, reader, reader, &move) : NULL;
        if (!source)
            continue;
        *pair = (Pair){ .kind = PAIR_NEIGHBOURS, .from = source->group, .to = reader->group,
                        .reader = reader };
        pair->reason = move ? moved(s, move) : pass_fuse_refusal(s->g, source, reader);
        return true;
    }
    return false;
}

// --- layers between -------------------------------------------------------------------------------

// Marks, from the readers back, who leads to `to`: next[id] is the node that reads it.
static const Node *find_path(const Search *s, const Node **next)
{
    for (int i = s->g->count - 1; i >= 0; i--) {
        const Node *n = s->g->nodes[i];
        if (n->role != s->role || (!next[n->id] && !works_for(s, n, s->to)))
            continue;
        if (works_for(s, n, s->from))
            return n;
        for (int k = 0; k < n->inputs; k++)
            if (!next[n->in[k]->id])
                next[n->in[k]->id] = n;
    }
    return NULL;
}

static void find_between(const Search *s, Pair *pair)
{
    const Node **next = ARENA_ARRAY(&s->c->arena, const Node *, s->g->count + 1);
    const Node *n = find_path(s, next);
    *pair = (Pair){ .kind = n ? PAIR_APART : PAIR_UNRELATED };
    pair->between = ARENA_ARRAY(&s->c->arena, const Layer *, s->g->layer_count + 1);
    for (n = n ? next[n->id] : NULL; n && n->layer != s->to; n = next[n->id]) {
        bool known = !n->layer || n->layer == s->from;
        for (int i = 0; i < pair->between_count; i++)
            known = known || pair->between[i] == n->layer;
        if (!known)
            pair->between[pair->between_count++] = n->layer;
    }
}

static bool has_work(const Search *s, const Layer *layer)
{
    for (int i = 0; i < s->g->count; i++)
        if (works_for(s, s->g->nodes[i], layer))
            return true;
    return false;
}

static void find_pair(const Search *s, Pair *pair)
{
    if (!find_together(s, pair) && !find_neighbours(s, pair))
        find_between(s, pair);
    const Layer *idle = !has_work(s, s->from) ? s->from : !has_work(s, s->to) ? s->to : NULL;
    if (pair->kind == PAIR_UNRELATED)
        pair->reason = idle ? arena_printf(&s->c->arena, "no kernel is %s's: it is %s", idle->name,
                                           look_idle(s->g, idle))
                            : arena_printf(&s->c->arena, "no value of %s reaches %s", s->from->name,
                                           s->to->name);
}

// --- which two layers -----------------------------------------------------------------------------

static Pair compare(Compilation *c, const Graph *g, NodeRole role, const Layer *from, const Layer *to)
{
    assert(from && to);
    Search s = { c, g, role, from, to, ARENA_ARRAY(&c->arena, int, g->count + 1) };
    Pair pair;
    find_pair(&s, &pair);
    return pair;
}

// Nearer pairs are smaller.
static int distance(const Graph *g, const Pair *pair)
{
    return pair->kind == PAIR_UNRELATED ? g->layer_count + 2
         : pair->kind == PAIR_APART     ? pair->between_count + 1 : 0;
}

static void consider(Compilation *c, WhyNot *why, const Layer *a, const Layer *b)
{
    Pair pair = compare(c, why->graph, ROLE_FORWARD, a, b);
    if (why->a && distance(why->graph, &pair) >= distance(why->graph, &why->forward))
        return;
    why->a = a;
    why->b = b;
    why->forward = pair;
}

// A block's call may hold thousands of layers; those at its two ends are the ones that can be near.
enum { MOST_ENDS = 16 };
typedef struct { const Layer *layers[MOST_ENDS]; int count; } Ends;

static Ends ends_of(const Compilation *c, const Graph *g, const About *about)
{
    Ends e = { .count = 0 };
    for (int i = 0; i < g->layer_count; i++) {
        if (!about_layer(about, &c->diag, g->layers[i]))
            continue;
        if (e.count == MOST_ENDS)                      // the last ones move up
            for (int k = MOST_ENDS / 2; k + 1 < MOST_ENDS; k++)
                e.layers[k] = e.layers[k + 1];
        else
            e.count++;
        e.layers[e.count - 1] = g->layers[i];
    }
    return e;
}

WhyNot look_why_not(Compilation *c, const About *first, const About *second)
{
    WhyNot why = { .graph = c->graphs[GRAPH_TRAIN] };
    Ends a = ends_of(c, why.graph, first), b = ends_of(c, why.graph, second);
    for (int i = 0; i < a.count; i++)
        for (int k = 0; k < b.count; k++)
            if (a.layers[i] != b.layers[k]) {
                consider(c, &why, a.layers[i], b.layers[k]);
                consider(c, &why, b.layers[k], a.layers[i]);
            }
    why.missing = a.count == 0 ? first : b.count == 0 ? second : NULL;
    if (why.a && why.b)
        why.backward = compare(c, why.graph, ROLE_BACKWARD, why.b, why.a);
    return why;
}

const char *look_kernel(const Compilation *c, const Group *group)
{
    const Sequence *s = &c->program->sequences[0];
    const Graph *g = c->graphs[GRAPH_TRAIN];
    const GroupCommand *from = &g->commands[group->command];
    for (int i = 0; i < from->count; i++)
        if (g->groups[from->first + i] == group && from->kind != GROUPS_COPY)
            return c->program->kernels[s->launches[s->commands[from->made].first + i].kernel].symbol;
    return "";
}
