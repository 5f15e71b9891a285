// Lowers every split to parts. Before: a logical graph, in which a node of a split stands for all
// of its parts. After: one node a part, each with its device; PARAM nodes are runs of rows of the
// logical parameters; `all` and the end of a split are concatenations; a COPY wherever a value is
// read on another device, one for each value and device.
//
// Legal because widths under a split are totals: a part computes a run of output channels, from
// the same part of its input (grouped connectivity) or from all of it. Which nodes there are, and
// their order, depends on parts only: devices add copies and nothing else.
#include "pass/pass.h"

typedef struct { const Node *value; int device; Node *copy; } Copied;

typedef struct {
    Graph *g;
    Node **old;              // the logical graph
    Node ***parts;           // by old id: what has become of it, `count` nodes
    int   *count;            // by old id: 1 outside of splits; sources: how many there are so far
    int   *shared;           // by old id: in so many runs of channels; a part holds one; 1: whole
    Copied *copies;
    int    copied, copy_capacity;
} Placing;

// The part of a split, or the place outside of splits, that a node is being made for.
typedef struct {
    const Split *split;      // NULL outside
    int part, parts, device;
} Spot;

static Spot spot_of(const Node *old, int part)
{
    const Split *s = old->split && old->split->parts > 1 ? old->split : NULL;
    Spot spot = { s, s ? part : 0, s ? s->parts : 1, 0 };
    if (old->device != NO_DEVICE)
        spot.device = old->device;
    else if (old->split)
        spot.device = old->split->device[spot.part];
    return spot;
}

static const char *spot_name(Placing *p, const Node *old, const Spot *s)
{
    return s->parts > 1 ? arena_printf(p->g->arena, "%s.part%d", old->name, s->part) : old->name;
}

// A node like `old`, attributes included, with other inputs. Outside of splits it keeps the name
// of the logical node, which leaves the graph.
static Node *node_like(Placing *p, const Node *old, const Spot *s, int inputs, Node *const *in)
{
    Node *n = graph_add(p->g, old->op, spot_name(p, old, s), old->at, old->layer, inputs, in);
    if (s->parts == 1)
        n->name = old->name;
    n->attr = old->attr;
    n->shape = old->shape;
    n->device = s->device;
    n->part = s->part;
    n->parts = s->parts;
    return n;
}

// A node that place makes of its own: a copy, a concatenation, a slice.
static Node *new_node(Placing *p, Op op, const char *name, const Node *like, const Spot *s, int inputs,
                      Node *const *in)
{
    Node *n = graph_add(p->g, op, name, like->at, like->layer, inputs, in);
    n->device = s->device;
    n->part = s->part;
    n->parts = s->parts;
    return n;
}

// --- values on devices -----------------------------------------------------------------------------

static Node *on_device(Placing *p, Node *value, const Spot *s)
{
    if (value->device == s->device)
        return value;
    for (int i = 0; i < p->copied; i++)
        if (p->copies[i].value == value && p->copies[i].device == s->device)
            return p->copies[i].copy;
    const char *name = arena_printf(p->g->arena, "%s.%s", value->name, p->g->devices[s->device]);
    Node *copy = new_node(p, OP_COPY, name, value, s, 1, &value);
    graph_infer(p->g, copy);
    ARENA_PUSH(p->g->arena, p->copies, p->copied, p->copy_capacity,
               ((Copied){ value, s->device, copy }));
    return copy;
}

// Inputs and labels are repeated on every device that reads them: the host writes them all.
static Node *input_on(Placing *p, const Node *old, const Spot *s)
{
    Node ***found = &p->parts[old->id];
    int count = p->count[old->id];
    for (int i = 0; i < count; i++)
        if ((*found)[i]->device == s->device)
            return (*found)[i];
    Spot outside = { NULL, 0, 1, s->device };
    Node *n;
    if (count == 0) {
        *found = ARENA_ARRAY(p->g->arena, Node *, GRAPH_DEVICES);
        n = node_like(p, old, &outside, 0, NULL);
    } else {
        const char *name = arena_printf(p->g->arena, "%s.%s", old->name, p->g->devices[s->device]);
        n = new_node(p, old->op, name, old, &outside, 0, NULL);
        n->attr = old->attr;
        n->shape = old->shape;
    }
    (*found)[p->count[old->id]++] = n;
    return n;
}

// The rows of a parameter that a part computes with; they live where they are first used.
static Node *param_rows(Placing *p, const Node *old, const Node *user, const Spot *s)
{
    int have = p->count[old->id];
    if (have != 0 && have != s->parts) {
        diag_error(p->g->diag, user->at, "E211",
                   "the weights of %s are used both in %d parts and in %d", old->layer->name, have,
                   s->parts);
        return p->parts[old->id][0];
    }
    if (have == 0) {
        p->parts[old->id] = ARENA_ARRAY(p->g->arena, Node *, s->parts);
        p->count[old->id] = s->parts;
    }
    Node **own = &p->parts[old->id][s->part];
    if (!*own) {
        int64_t all = old->attr.param.param->is_bias ? old->shape.c : old->shape.n;
        *own = node_like(p, old, s, 0, NULL);
        (*own)->attr.param.first_row = all / s->parts * s->part;
        if (old->attr.param.param->is_bias)
            (*own)->shape.c = all / s->parts;
        else
            (*own)->shape.n = all / s->parts;
    }
    return on_device(p, *own, s);
}

// What `user` reads at this spot where the logical graph says `in`, on the device that has it.
static Node *value_of(Placing *p, const Node *in, const Node *user, const Spot *s)
{
    if (in->op == OP_PARAM)
        return param_rows(p, in, user, s);
    if (op_has(in->op, OP_SOURCE))
        return input_on(p, in, s);
    // What an outer split gives is there once for all inner parts of an outer one.
    return p->parts[in->id][s->part * p->count[in->id] / s->parts];
}

static int shared_of(const Placing *p, const Node *in)
{
    return op_has(in->op, OP_SOURCE) ? 1 : p->shared[in->id];
}

// The run of `old` at this spot, all parts of `in` that make it side by side, in order.
static Node *gather(Placing *p, const Node *old, const Node *in, const Spot *s)
{
    int shared = p->shared[old->id], have = shared_of(p, in), parts = have / shared;
    if (parts <= 1)
        return on_device(p, value_of(p, in, old, s), s);
    int first = s->part * shared / s->parts * parts;
    Node **all = ARENA_ARRAY(p->g->arena, Node *, parts);
    for (int i = 0; i < parts; i++)
        all[i] = on_device(p, p->parts[in->id][first + i], s);
    const char *name = spot_name(p, old, s);
    Node *n = new_node(p, OP_CONCAT, name, old, s, parts, all);
    n->name = name;
    graph_infer(p->g, n);
    return n;
}

// --- nodes of a split --------------------------------------------------------------------------------

// A grouped contraction over a value that `parts` parts hold: the part reads the channels of its own
// groups only. They are cut out where the value is, so that no other channel crosses. NULL: reported.
static Node *own_groups(Placing *p, const Node *old, const Spot *s, int parts, Node *in, int *groups)
{
    int64_t all = *groups, first, channels;
    int part = s->part % parts;
    if (all % parts == 0) {
        channels = in->shape.c / parts;
        first = channels * part;
        *groups = (int)(all / parts);
    } else if (parts % all == 0) {
        channels = in->shape.c / all;
        first = channels * (part * all / parts);
        *groups = 1;
    } else {
        diag_error(p->g->diag, old->at, "E210", "%s has %d groups, %s has %d parts",
                   old->layer->name, *groups, s->split->text, parts);
        diag_help(p->g->diag, "one of the two must be a multiple of the other");
        return NULL;
    }
    const char *name = arena_printf(p->g->arena, "%s.in", spot_name(p, old, s));
    Spot there = *s;
    there.device = in->device;
    Node *n = new_node(p, OP_SLICE, name, old, &there, 1, &in);
    n->attr.slice = (SliceAttr){ first, channels };
    graph_infer(p->g, n);
    return n;
}

// What of a node's attributes speaks of the whole: width, groups, parts, channels. `n` is a copy of
// `old` that reads the values of the part. False: reported.
static bool narrow(Placing *p, const Node *old, Node *n, const Spot *s)
{
    int runs = shared_of(p, old->in[0]), run = s->part * runs / s->parts, parts = s->parts / runs;
    n->shape.c = old->shape.c / p->shared[old->id];
    if (op_has(n->op, OP_CONTRACTION)) {
        n->attr.conv.groups /= runs;
        if (n->attr.conv.groups > 1 && parts > 1 &&
            !(n->in[0] = own_groups(p, old, s, parts, n->in[0], &n->attr.conv.groups)))
            return false;
    }
    if (op_has(n->op, OP_PER_PART))
        n->attr.lrn.parts /= runs;
    if (op_has(n->op, OP_RANDOM))
        n->attr.dropout.first_channel += n->attr.dropout.channels / runs * run;
    if (n->op == OP_CONCAT)
        n->attr.concat.parts = 0;
    return true;
}

// Weights give every part a run of its own. What is computed without any is shared as its inputs
// are; ALL and JOIN leave what the outer split shares out.
static int shared_by(const Placing *p, const Node *old)
{
    int most = 1;
    if (old->op == OP_ALL || old->op == OP_JOIN) {
        const Split *s = old->in[0]->split;
        int outer = s ? split_outer_parts(s) : 1, runs = shared_of(p, old->in[0]);
        return runs < outer ? runs : outer;
    }
    for (int i = 0; i < old->inputs; i++) {
        int runs = old->in[i]->op != OP_PARAM ? shared_of(p, old->in[i]) : old->split ? old->split->parts : 1;
        most = runs > most ? runs : most;
    }
    return most;
}

static Node *lower_part(Placing *p, const Node *old, const Spot *s)
{
    Node narrowed = *old;
    narrowed.in = ARENA_ARRAY(p->g->arena, Node *, old->inputs);
    for (int i = 0; i < old->inputs; i++)
        narrowed.in[i] = value_of(p, old->in[i], old, s);
    bool fits = s->parts == 1 || narrow(p, old, &narrowed, s);
    for (int i = 0; fits && i < old->inputs; i++)
        narrowed.in[i] = on_device(p, narrowed.in[i], s);
    if (!fits)
        narrowed.in = old->in;                        // reported: the graph goes no further
    Node *n = node_like(p, &narrowed, s, old->inputs, narrowed.in);
    if (s->parts > 1 && fits)
        graph_infer(p->g, n);
    return n;
}

static void lower(Placing *p, const Node *old)
{
    if (op_has(old->op, OP_SOURCE))
        return;                                       // made where it is used
    int count = spot_of(old, 0).parts;
    p->count[old->id] = count;
    p->parts[old->id] = ARENA_ARRAY(p->g->arena, Node *, count);
    p->shared[old->id] = shared_by(p, old);
    for (int i = 0; i < count; i++) {
        Spot s = spot_of(old, i);
        if (old->op == OP_JOIN && old->device == NO_DEVICE && !old->split && old->in[0]->split)
            s.device = old->in[0]->split->device[0];
        p->parts[old->id][i] = old->op == OP_ALL || old->op == OP_JOIN
                                   ? gather(p, old, old->in[0], &s) : lower_part(p, old, &s);
    }
}

// --- the whole graph ---------------------------------------------------------------------------------

static Node *lowered(Placing *p, const Node *old)
{
    static const Spot first = { NULL, 0, 1, 0 };
    if (op_has(old->op, OP_SOURCE) && p->count[old->id] == 0)
        return input_on(p, old, &first);
    return p->parts[old->id][0];
}

static void move_ends(Placing *p)
{
    Graph *g = p->g;
    for (int i = 0; i < g->input_count; i++)
        g->inputs[i].node = lowered(p, g->inputs[i].node);
    for (int i = 0; i < g->output_count; i++)
        g->outputs[i].node = lowered(p, g->outputs[i].node);
    for (int i = 0; i < g->metric_count; i++)
        g->metrics[i] = lowered(p, g->metrics[i]);
    if (g->label)
        g->label = lowered(p, g->label);
    if (g->scores)
        g->scores = lowered(p, g->scores);
    if (g->loss)
        g->loss = lowered(p, g->loss);
    g->promise_count = 0;                             // kept by pass_shapes, and of logical nodes
}

bool pass_place(Graph *g, const PassOptions *o)
{
    (void)o;
    int before = g->diag->errors, count = g->count;
    Placing p = { .g = g, .old = g->nodes,
                .parts = ARENA_ARRAY(g->arena, Node **, count),
                .count = ARENA_ARRAY(g->arena, int, count),
                .shared = ARENA_ARRAY(g->arena, int, count) };
    if (g->device_count == 0)
        graph_device(g, "gpu0");
    g->nodes = NULL;
    g->count = g->capacity = 0;
    for (int i = 0; i < count; i++)
        lower(&p, p.old[i]);
    move_ends(&p);
    return g->diag->errors == before;
}
