// Before: a logical graph with the regions of its file. After: the same graph with those of another
// distribution; ends of regions (JOIN) are taken out and put in where a value leaves one, ALL is put in where
// a part that is new needs the channels of all parts.
//
// Legal because of what pass_place does with regions: a split into k parts is grouped connectivity wherever
// its parts are, so it may stand within a replicate or on other devices; and a part of a new split reads
// whole values only, but for nodes that compute each channel from itself.
#include "pass/distribute.h"

typedef struct Moved {         // what a written region has become for nodes of one kind
    const Split  *written;
    bool          in_replicate;
    const Split  *made;        // NULL: no region
    struct Moved *next;
} Moved;

typedef struct {
    Graph *g;
    Distribution way;
    int    devices;
    char  *why;
    int    why_size;
    bool   failed;
    Node **old;                // the graph as it was
    int    count;
    const Split **binding;     // the written splits whose groups are part of the function
    int    binding_count, binding_capacity;
    bool  *is_last;            // by old id: no contraction comes behind it
    bool  *is_behind;          // by old id: at or behind the first fully connected layer
    bool  *is_local;           // by old id: a part of the new split holds its own channels only
    const Split *replicate, *split;      // the new regions around all; made when first needed
    Moved *moved;
    Names  joined;             // by name of a value in a region: the JOIN that brings it out
    Names  gathered;           // by name of a local value: its ALL
} Distributing;

const char *distribution_name(Distribution way)
{
    static const char *const names[DISTRIBUTE_WAYS] = { "as written", "whole", "channel split", "batch split",
                                                        "one weird trick" };
    return names[way];
}

static void refuse(Distributing *d, const char *why)
{
    if (!d->failed)
        snprintf(d->why, (size_t)d->why_size, "%s", why);
    d->failed = true;
}

// --- regions --------------------------------------------------------------------------------------

// `part` of `own` equal parts lives on this device.
static int device_of(const Distributing *d, int part, int own)
{
    return part * d->devices / own;
}

// A region of as many parts as there are devices, around everything.
static const Split *new_region(Distributing *d, SplitKind kind, const char *word)
{
    Split *s = ARENA_NEW(d->g->arena, Split);
    const char *text = word, *before = "(";
    split_count(s, kind, NULL, d->devices);
    s->at = d->old[0]->at;
    for (int i = 0; i < d->devices; i++) {
        s->device[i] = i;
        text = arena_printf(d->g->arena, "%s%s%s", text, before, d->g->devices[i]);
        before = ", ";
    }
    s->text = arena_printf(d->g->arena, "%s)", text);
    return s;
}

static const Split *the_replicate(Distributing *d)
{
    if (!d->replicate)
        d->replicate = new_region(d, SPLIT_BATCH, "replicate");
    return d->replicate;
}

static const Split *the_split(Distributing *d)
{
    if (!d->split)
        d->split = new_region(d, SPLIT_CHANNELS, "split");
    return d->split;
}

static int own_parts(const Split *s)
{
    return s->parts / (s->outer ? s->outer->parts : 1);
}

// The outermost split decides where its parts are; inner ones and those in a replicate stay with their
// outer part.
static void place_parts(Distributing *d, Split *s, int own)
{
    if (!s->outer && d->way != DISTRIBUTE_WHOLE && own % d->devices) {
        refuse(d, arena_printf(d->g->arena, "%s has %d parts, which %d devices cannot share equally",
                               s->text, own, d->devices));
        return;
    }
    for (int i = 0; i < s->parts; i++) {
        s->device[i] = s->outer ? s->outer->device[i / own] : 0;
        if (!s->outer && d->way != DISTRIBUTE_WHOLE)
            s->device[i] = device_of(d, i, own);
    }
}

static bool is_binding(const Distributing *d, const Split *s)
{
    for (int i = 0; i < d->binding_count; i++)
        if (d->binding[i] == s)
            return true;
    return false;
}

// What a region is without its replicates, and without splits that are nothing to the function.
static const Split *move_region(Distributing *d, const Split *written, bool in_replicate)
{
    if (!written)
        return in_replicate ? the_replicate(d) : NULL;
    for (const Moved *m = d->moved; m; m = m->next)
        if (m->written == written && m->in_replicate == in_replicate)
            return m->made;
    const Split *outer = move_region(d, written->outer, in_replicate), *made = outer;
    int own = own_parts(written);
    if (is_binding(d, written)) {
        Split *s = ARENA_NEW(d->g->arena, Split);
        *s = *written;
        made = s;
        if (own * (outer ? outer->parts : 1) > GRAPH_DEVICES) {
            refuse(d, arena_printf(d->g->arena, "%s on each of %d devices makes more than %d parts", s->text,
                                   d->devices, GRAPH_DEVICES));
            return outer;
        }
        split_count(s, SPLIT_CHANNELS, outer, own);
        place_parts(d, s, own);
    }
    Moved *m = ARENA_NEW(d->g->arena, Moved);
    *m = (Moved){ written, in_replicate, made, d->moved };
    d->moved = m;
    return made;
}

static bool is_replicated(const Distributing *d, const Node *old)
{
    return d->way == DISTRIBUTE_IMAGES || (d->way == DISTRIBUTE_MIXED && !d->is_behind[old->id]);
}

static bool is_of_the_net(const Distributing *d, const Node *old)
{
    return old != d->g->loss && old->layer;
}

static const Split *region_of(Distributing *d, const Node *old)
{
    if (!is_of_the_net(d, old))
        return NULL;
    bool in_replicate = is_replicated(d, old);
    const Split *s = move_region(d, old->split, in_replicate);
    return s || in_replicate || d->way == DISTRIBUTE_WHOLE || d->is_last[old->id] ? s : the_split(d);
}

// --- values ---------------------------------------------------------------------------------------

static bool stands_in(const Split *inner, const Split *outer)
{
    while (inner && inner != outer)
        inner = inner->outer;
    return inner == outer;
}

// A value where a node of region `to` reads it: out of each region that the reader does not stand in.
static Node *bring(Distributing *d, Node *x, const Split *to)
{
    while (x->split && !stands_in(to, x->split)) {
        const Split *s = x->split;
        Node *join = names_find(&d->joined, x->name);
        if (!join) {
            join = graph_add(d->g, OP_JOIN, "join", s->at, x->layer, 1, &x);
            join->split = s->outer;
            join->device = s->outer ? NO_DEVICE : s->device[0];
            graph_infer(d->g, join);
            names_put(&d->joined, x->name, join);
        }
        x = join;
    }
    return x;
}

// The channels of all parts.
static Node *gather(Distributing *d, Node *x)
{
    Node *all = names_find(&d->gathered, x->name);
    if (all)
        return all;
    all = graph_add(d->g, OP_ALL, arena_printf(d->g->arena, "%s.all", x->name), x->at, x->layer, 1, &x);
    all->split = x->split;
    graph_infer(d->g, all);
    names_put(&d->gathered, x->name, all);
    return all;
}

static bool is_local(const Distributing *d, const Node *x, const Node *reader)
{
    return !op_has(x->op, OP_SOURCE) && x->split == reader->split && d->is_local[x->id];
}

// Of the new split: whether a part computes its channels from the same channels of what it reads.
static bool keeps_channels(const Distributing *d, const Node *n)
{
    bool keeps = op_has(n->op, OP_PER_MAP);
    for (int i = 0; i < n->inputs && keeps; i++)
        keeps = n->in[i]->op == OP_PARAM || is_local(d, n->in[i], n);
    return keeps;
}

static void read_in_new_split(Distributing *d, Node *n)
{
    bool contracts = op_has(n->op, OP_CONTRACTION), keeps = keeps_channels(d, n);
    if (contracts && n->shape.c % d->devices)
        refuse(d, arena_printf(d->g->arena, "%s has %lld outputs, which %d devices cannot share equally",
                               n->layer->name, (long long)n->shape.c, d->devices));
    d->is_local[n->id] = contracts || keeps;
    for (int i = 0; i < n->inputs && !keeps; i++)
        if (is_local(d, n->in[i], n))
            n->in[i] = gather(d, n->in[i]);
}

// --- nodes ----------------------------------------------------------------------------------------

// Where the way of computing changes between two layers a value is whole; a part of a written split that
// went on with its own channels would not find them.
static bool is_cut(const Distributing *d, const Node *n, const Node *in)
{
    if (op_has(in->op, OP_SOURCE) || n->op == OP_JOIN || in->op == OP_JOIN || !n->layer)
        return false;
    return is_replicated(d, in) != is_replicated(d, n) && (n->op == OP_ALL ? n : in)->shared > 1;
}

// Of a written JOIN, and of an ALL whose parts are no more: the value itself.
static bool is_superfluous(const Distributing *d, const Node *n, const Node *in)
{
    if (n->op == OP_JOIN)
        return true;
    return n->op == OP_ALL && !(is_binding(d, n->split) && in->split);
}

// `stands_for` has for each earlier node what has become of it.
static void move_node(Distributing *d, Node *n, Node **stands_for)
{
    Graph *g = d->g;
    const Split *to = op_has(n->op, OP_SOURCE) ? NULL : region_of(d, n);
    for (int i = 0; i < n->inputs; i++) {
        if (is_cut(d, n, n->in[i]))
            refuse(d, arena_printf(g->arena, "%s reads the channels of its own part only: put `all` before "
                                   "it", n->layer->name));
        n->in[i] = bring(d, stands_for[n->in[i]->id], to);
    }
    stands_for[n->id] = n;
    if (n->inputs && is_superfluous(d, n, n->in[0])) {
        stands_for[n->id] = n->in[0];
        return;
    }
    n->split = to;
    n->device = NO_DEVICE;
    if (to && to == d->split)
        read_in_new_split(d, n);
    ARENA_PUSH(g->arena, g->nodes, g->count, g->capacity, n);
}

static void move_ends(Distributing *d, Node *const *stands_for)
{
    Graph *g = d->g;
    for (int i = 0; i < g->output_count; i++)
        g->outputs[i].node = bring(d, stands_for[g->outputs[i].node->id], NULL);
    if (g->scores)
        g->scores = bring(d, stands_for[g->scores->id], NULL);
}

// --- the whole graph ------------------------------------------------------------------------------

// A value in `shared` runs of channels, one a part, of which a node mixes the channels or tells them apart:
// in all regions around the node that cut the value.
static void bind_regions(Distributing *d, const Node *n, int shared)
{
    for (const Split *s = n->split; s; s = s->outer)
        if (s->kind == SPLIT_CHANNELS && shared > split_channels(s->outer) && !is_binding(d, s))
            ARENA_PUSH(d->g->arena, d->binding, d->binding_count, d->binding_capacity, s);
}

static void find_binding(Distributing *d)
{
    for (int v = 0; v < d->count; v++) {
        const Node *n = d->old[v];
        bool keeps = op_has(n->op, OP_PER_MAP) || n->op == OP_FLATTEN || n->op == OP_ALL || n->op == OP_JOIN;
        for (int i = 0; i < n->inputs && !keeps; i++)
            if (!op_has(n->in[i]->op, OP_SOURCE))
                bind_regions(d, n, n->in[i]->shared);
    }
}

static void find_last(Distributing *d)
{
    bool *has_later = ARENA_ARRAY(d->g->arena, bool, d->count);
    for (int v = d->count - 1; v >= 0; v--) {
        const Node *n = d->old[v];
        d->is_last[v] = !has_later[v];
        for (int i = 0; i < n->inputs; i++)
            has_later[n->in[i]->id] |= has_later[v] || op_has(n->op, OP_CONTRACTION);
    }
}

// What only moves a value that is read behind the first fully connected layer belongs there.
static void find_behind(Distributing *d)
{
    bool *has_user = ARENA_ARRAY(d->g->arena, bool, d->count);
    bool *has_other = ARENA_ARRAY(d->g->arena, bool, d->count);
    for (int v = 0; v < d->count; v++) {
        d->is_behind[v] = d->old[v]->op == OP_FC;
        for (int i = 0; i < d->old[v]->inputs; i++)
            d->is_behind[v] |= d->is_behind[d->old[v]->in[i]->id];
    }
    for (int v = d->count - 1; v >= 0; v--) {
        const Node *n = d->old[v];
        if (n->op == OP_FLATTEN || n->op == OP_ALL || n->op == OP_JOIN)
            d->is_behind[v] |= has_user[v] && !has_other[v];
        for (int i = 0; i < n->inputs; i++) {
            has_user[n->in[i]->id] = true;
            has_other[n->in[i]->id] |= !d->is_behind[v];
        }
    }
}

static void check_net(Distributing *d)
{
    Arena *a = d->g->arena;
    bool has_fc = false, replicates = d->way == DISTRIBUTE_IMAGES;
    for (int v = 0; v < d->count; v++) {
        has_fc |= d->old[v]->op == OP_FC;
        replicates |= d->way == DISTRIBUTE_MIXED && op_has(d->old[v]->op, OP_CONTRACTION) && !d->is_behind[v];
    }
    if (d->way == DISTRIBUTE_MIXED && !has_fc)
        refuse(d, "there is no fully connected layer, so this is the batch split");
    else if (d->way == DISTRIBUTE_MIXED && !replicates)
        refuse(d, "there is no layer before the fully connected ones, so this is the channel split");
    if (replicates && d->g->batch % d->devices)
        refuse(d, arena_printf(a, "a batch of %d is no multiple of %d", d->g->batch, d->devices));
}

static void name_devices(Graph *g, int devices)
{
    for (int i = 0; g->device_count < devices; i++)
        graph_device(g, arena_printf(g->arena, "gpu%d", i));
    g->device_count = devices;
}

bool distribute(Graph *g, Distribution way, int devices, char *why, int size)
{
    if (way == DISTRIBUTE_WRITTEN)
        return true;
    int count = g->count;
    Arena *a = g->arena;
    Distributing d = { .g = g, .way = way, .devices = devices, .why = why, .why_size = size, .old = g->nodes,
                       .count = count, .is_last = ARENA_ARRAY(a, bool, count),
                       .is_behind = ARENA_ARRAY(a, bool, count), .is_local = ARENA_ARRAY(a, bool, count) };
    Node **stands_for = ARENA_ARRAY(a, Node *, count);
    names_open(&d.joined, a);
    names_open(&d.gathered, a);
    find_binding(&d);
    find_last(&d);
    find_behind(&d);
    check_net(&d);
    name_devices(g, way == DISTRIBUTE_WHOLE ? 1 : devices);
    g->nodes = NULL;
    g->count = g->capacity = 0;
    for (int i = 0; i < count; i++)
        move_node(&d, d.old[i], stands_for);
    move_ends(&d, stands_for);
    for (int i = 0; i < g->count; i++)
        g->nodes[i]->id = i;
    return !d.failed;
}
