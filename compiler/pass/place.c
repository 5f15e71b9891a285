// Lowers every region to parts. Before: a logical graph, in which a node of a region stands for all of its
// parts. After: one node a part, each with its device; PARAM nodes are runs of rows of the logical
// parameters; `all` and the end of a region are concatenations; a COPY wherever a value is read on another
// device, one for each value and device.
//
// Legal because widths under a split are totals: a part computes a run of output channels, from the same
// part of its input (grouped connectivity) or from all of it; and because no node but the update of weights
// mixes images: a part of a replicate computes a run of them with all weights. Which nodes there are, and
// their order, depends on parts only: devices add copies and nothing else.
#include "pass/pass.h"
#include "pass/place.h"

static Spot spot_of(const Node *old, int part)
{
    const Split *s = old->split && old->split->parts > 1 ? old->split : NULL;
    Spot spot = { .split = s, .part = s ? part : 0, .parts = s ? s->parts : 1,
                  .channels = split_channels(s), .images = split_images(s) };
    spot.channel = split_channel(s, spot.part);
    spot.image = split_image(s, spot.part);
    if (old->device != NO_DEVICE)
        spot.device = old->device;
    else if (old->split)
        spot.device = old->split->device[spot.part];
    return spot;
}

const char *place_name(Placing *p, const Node *old, const Spot *s)
{
    return s->parts > 1 ? arena_printf(p->g->arena, "%s.part%d", old->name, s->part) : old->name;
}

// A node like `old`, attributes included, with other inputs. Outside of regions it keeps the name of
// the logical node, which leaves the graph.
static Node *node_like(Placing *p, const Node *old, const Spot *s, int inputs, Node *const *in)
{
    Node *n = graph_add(p->g, old->op, place_name(p, old, s), old->at, old->layer, inputs, in);
    if (s->parts == 1)
        n->name = old->name;
    n->attr = old->attr;
    n->shape = old->shape;
    n->device = s->device;
    n->part = s->part;
    n->parts = s->parts;
    return n;
}

// A grouped contraction over a value that `parts` parts share: the part reads the channels of its own
// groups only. False: reported.
static bool own_groups(Placing *p, const Node *old, const Spot *s, int parts, Run *channels, int *groups)
{
    int64_t all = *groups;
    int part = s->channel % parts;
    if (all % parts == 0) {
        channels->count /= parts;
        channels->first += channels->count * part;
        *groups = (int)(all / parts);
    } else if (parts % all == 0) {
        channels->count /= all;
        channels->first += channels->count * (part * all / parts);
        *groups = 1;
    } else {
        diag_error(p->g->diag, old->at, "E210", "%s has %d groups, %s has %d parts",
                   old->layer->name, *groups, s->split->text, parts);
        diag_help(p->g->diag, "one of the two must be a multiple of the other");
        return false;
    }
    return true;
}

// What of a node's attributes speaks of the whole: width, groups, parts, channels, images. `n` is a copy
// of `old`, `channels` those that it reads of its first input. False: reported.
static bool narrow(Placing *p, const Node *old, Node *n, Run *channels, const Spot *s)
{
    int runs = place_runs(p, old->in[0]), run = s->channel * runs / s->channels, parts = s->channels / runs;
    n->shape.c = old->shape.c / p->channels[old->id];
    n->shape.n = old->shape.n / s->images;
    if (op_has(n->op, OP_CONTRACTION)) {
        n->attr.conv.groups /= runs;
        if (n->attr.conv.groups > 1 && parts > 1 &&
            !own_groups(p, old, s, parts, channels, &n->attr.conv.groups))
            return false;
    }
    if ((op_has(n->op, OP_PER_PART) || n->op == OP_LRN_MAP) && n->attr.lrn.parts >= runs)
        n->attr.lrn.parts /= runs;
    if (op_has(n->op, OP_RANDOM)) {
        n->attr.dropout.first_channel += n->attr.dropout.channels / runs * run;
        n->attr.dropout.first_image += n->shape.n * s->image;
    }
    if (n->op == OP_CONCAT)
        n->attr.concat.parts = 0;
    return true;
}

// Weights give every part a run of its own. What is computed without any is cut as its inputs are; ALL
// and JOIN leave what the outer region cuts.
static int runs_of(const Placing *p, const Node *old)
{
    int most = 1;
    if (old->op == OP_ALL || old->op == OP_JOIN) {
        const Split *s = old->in[0]->split;
        int outer = split_channels(s ? s->outer : NULL), runs = place_runs(p, old->in[0]);
        return runs < outer ? runs : outer;
    }
    for (int i = 0; i < old->inputs; i++) {
        int runs = old->in[i]->op == OP_PARAM ? split_channels(old->split) : place_runs(p, old->in[i]);
        most = runs > most ? runs : most;
    }
    return most;
}

// What a normalisation over all parts reads: the part's own channels, and its neighbours' next to them.
static Run with_neighbours(const Placing *p, const Node *old, Run own)
{
    if (!op_has(old->op, OP_PER_PART) || old->attr.lrn.parts >= place_runs(p, old->in[0]))
        return own;
    int64_t before = old->attr.lrn.size / 2, behind = old->shape.c - own.first - own.count;
    behind = behind < before ? behind : before;
    before = own.first < before ? own.first : before;
    return (Run){ own.first - before, before + own.count + behind };
}

// Of what was computed for the neighbours' channels, too, the part's own.
static Node *own_channels(Placing *p, Node *wide, Run has, Run own)
{
    if (has.count == own.count)
        return wide;
    Node *n = graph_add1(p->g, OP_SLICE, arena_printf(p->g->arena, "%s.own", wide->name), wide, wide);
    n->attr.slice = (SliceAttr){ own.first - has.first, own.count };
    graph_infer(p->g, n);
    return n;
}

static Node *lower_part(Placing *p, const Node *old, const Spot *s)
{
    Node narrowed = *old;
    Run own = place_channels(p, old->in[0], s), first = with_neighbours(p, old, own), has = first;
    bool fits = s->parts == 1 || narrow(p, old, &narrowed, &first, s);
    narrowed.in = ARENA_ARRAY(p->g->arena, Node *, old->inputs);
    for (int i = 0; i < old->inputs; i++) {
        const Node *in = old->in[i];
        narrowed.in[i] = place_value(p, in, old, i ? place_channels(p, in, s) : first, s);
    }
    Node *n = node_like(p, &narrowed, s, old->inputs, narrowed.in);
    if (s->parts > 1 && fits)
        graph_infer(p->g, n);
    return own_channels(p, n, has, own);
}

// Every part sees the channels of all parts, which in the outer region are one run; what an inner region
// gives is there in its outer part.
static Node *lower_all(Placing *p, const Node *old, const Spot *s)
{
    int runs = p->channels[old->id];
    int64_t count = old->shape.c / runs;
    return place_value(p, old->in[0], old, (Run){ s->channel * runs / s->channels * count, count }, s);
}

static void lower(Placing *p, const Node *old)
{
    if (op_has(old->op, OP_SOURCE))
        return;                                       // made where it is used
    p->channels[old->id] = runs_of(p, old);
    int count = spot_of(old, 0).parts;
    if (old->op == OP_JOIN && count == 1)
        return;                                       // put together where it is read
    p->count[old->id] = count;
    p->parts[old->id] = ARENA_ARRAY(p->g->arena, Node *, count);
    for (int i = 0; i < count; i++) {
        Spot s = spot_of(old, i);
        bool gathers = old->op == OP_ALL || old->op == OP_JOIN;
        p->parts[old->id][i] = gathers ? lower_all(p, old, &s) : lower_part(p, old, &s);
    }
}

// --- the whole graph ---------------------------------------------------------------------------------

// What stands for an end of the net: on the device that it is wanted on, or on the first.
static Node *lowered(Placing *p, const Node *old)
{
    Spot s = { .parts = 1, .channels = 1, .images = 1 };
    s.device = old->device == NO_DEVICE ? 0 : old->device;
    if (op_has(old->op, OP_SOURCE) && p->count[old->id])
        return p->parts[old->id][0];
    return place_value(p, old, old, (Run){ 0, old->shape.c }, &s);
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
                .channels = ARENA_ARRAY(g->arena, int, count),
                .gathered = ARENA_ARRAY(g->arena, Gathered *, count) };
    if (g->device_count == 0)
        graph_device(g, "gpu0");
    g->nodes = NULL;
    g->count = g->capacity = 0;
    for (int i = 0; i < count; i++)
        lower(&p, p.old[i]);
    move_ends(&p);
    return g->diag->errors == before;
}
