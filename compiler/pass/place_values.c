// The values that parts read. A value that is there in parts is put together where it is read, from the
// runs of channels and of images that are wanted; each is cut out where it stands, so that nothing else
// crosses, and crosses once for a device. Who reads what, and in which order, depends on parts only.
#include "pass/place.h"

// A node that place makes of its own: a copy, a concatenation, a slice.
static Node *new_node(Placing *p, Op op, const char *name, const Node *like, const Spot *s, int device,
                      int inputs, Node *const *in)
{
    Node *n = graph_add(p->g, op, name, like->at, like->layer, inputs, in);
    n->device = device;
    n->part = s->part;
    n->parts = s->parts;
    return n;
}

static Node *on_device(Placing *p, Node *value, const Spot *s)
{
    if (value->device == s->device)
        return value;
    Copied **bucket = &p->copies[value->id % COPY_BUCKETS];
    for (const Copied *c = *bucket; c; c = c->next)
        if (c->value == value && c->device == s->device)
            return c->copy;
    const char *name = arena_printf(p->g->arena, "%s.%s", value->name, p->g->devices[s->device]);
    Node *copy = new_node(p, OP_COPY, name, value, s, s->device, 1, &value);
    graph_infer(p->g, copy);
    Copied *made = ARENA_NEW(p->g->arena, Copied);
    *made = (Copied){ value, s->device, copy, *bucket };
    *bucket = made;
    return copy;
}

// --- sources --------------------------------------------------------------------------------------

// On each device the whole batch and each run of two, three, ... eight parts.
enum { INPUT_RUNS = GRAPH_DEVICES * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8) };

// What a source of the logical graph becomes; it may keep the name, for that one leaves the graph.
static Node *new_source(Placing *p, const Node *old, const char *name, int device)
{
    Node *n = graph_add(p->g, old->op, name, old->at, old->layer, 0, NULL);
    if (name == old->name)
        n->name = name;
    n->attr = old->attr;
    n->shape = old->shape;
    n->device = device;
    return n;
}

static Node *make_input(Placing *p, const Node *old, Run images, const Spot *s)
{
    int count = p->count[old->id];
    if (count == 0)
        p->parts[old->id] = ARENA_ARRAY(p->g->arena, Node *, INPUT_RUNS);
    const char *name = old->name;
    if (images.count < old->shape.n)
        name = arena_printf(p->g->arena, "%s.part%d", name, s->image);
    else if (count)
        name = arena_printf(p->g->arena, "%s.%s", name, p->g->devices[s->device]);
    Node *n = new_source(p, old, name, s->device);
    n->attr.port.first = images.first;
    n->shape.n = images.count;
    return p->parts[old->id][p->count[old->id]++] = n;
}

// Inputs and labels are repeated on every device that reads them, and only the images that a part
// computes: the host writes them all.
static Node *input_on(Placing *p, const Node *old, const Spot *s)
{
    int64_t images = old->shape.n / s->images;
    for (int i = 0; i < p->count[old->id]; i++) {
        Node *made = p->parts[old->id][i];
        if (made->device == s->device && made->attr.port.first == images * s->image &&
            made->shape.n == images)
            return made;
    }
    return make_input(p, old, (Run){ images * s->image, images }, s);
}

// The rows of a parameter that a part computes with; they live where they are first used, and other
// devices read a copy.
static Node *param_rows(Placing *p, const Node *old, const Node *user, const Spot *s)
{
    int have = p->count[old->id];
    bool is_bias = old->attr.param.param->is_bias;
    if (have != 0 && have != s->channels) {
        diag_error(p->g->diag, user->at, "E211",
                   "the weights of %s are used both in %d parts and in %d", old->layer->name, have,
                   s->channels);
        return p->parts[old->id][0];
    }
    if (have == 0) {
        p->parts[old->id] = ARENA_ARRAY(p->g->arena, Node *, s->channels);
        p->count[old->id] = s->channels;
    }
    Node **own = &p->parts[old->id][s->channel];
    if (!*own) {
        int64_t rows = (is_bias ? old->shape.c : old->shape.n) / s->channels;
        const char *name = s->channels == 1 ? old->name
                           : arena_printf(p->g->arena, "%s.part%d", old->name, s->channel);
        *own = new_source(p, old, name, s->device);
        (*own)->part = s->part;
        (*own)->parts = s->parts;
        (*own)->attr.param.first_row = rows * s->channel;
        *(is_bias ? &(*own)->shape.c : &(*own)->shape.n) = rows;
    }
    return on_device(p, *own, s);
}

// --- values in parts --------------------------------------------------------------------------------

int place_runs(const Placing *p, const Node *in)
{
    return op_has(in->op, OP_SOURCE) ? 1 : p->channels[in->id];
}

Run place_channels(const Placing *p, const Node *in, const Spot *s)
{
    int runs = place_runs(p, in);
    int64_t count = in->shape.c / runs;
    return (Run){ s->channel * runs / s->channels * count, count };
}

// The part of `in` that holds these runs: of several the one whose number is nearest to the reader's.
static int holder(const Placing *p, const Node *in, int image, int channel, const Spot *s)
{
    int count = p->count[in->id], near = s->part * count / s->parts;
    for (int i = -1; i < count && count > 1; i++) {
        int part = i < 0 ? near : i;
        int run = split_channel(in->split, part) * p->channels[in->id] / in->split->channels;
        if (split_image(in->split, part) == image && run == channel)
            return part;
    }
    return 0;
}

// What of x, a run of the whole that starts at `first`, lies in the wanted run.
static Node *cut(Placing *p, Op op, const char *what, Node *x, Run have, Run wanted, const Spot *s)
{
    int64_t first = have.first > wanted.first ? have.first : wanted.first;
    int64_t end = have.first + have.count, wanted_end = wanted.first + wanted.count;
    int64_t count = (end < wanted_end ? end : wanted_end) - first;
    if (count == have.count)
        return x;
    const char *name = arena_printf(p->g->arena, "%s.%s", x->name, what);
    Node *n = new_node(p, op, name, x, s, x->device, 1, &x);
    n->attr.slice = (SliceAttr){ first - have.first, count };
    graph_infer(p->g, n);
    return n;
}

static bool meet(Run a, Run b) { return a.first < b.first + b.count && b.first < a.first + a.count; }

static Node *side_by_side(Placing *p, Op op, const Node *as, const Spot *s, int count, Node *const *all)
{
    if (count == 1)
        return all[0];
    Node *n = new_node(p, op, place_name(p, as, s), as, s, s->device, count, all);
    graph_infer(p->g, n);
    return n;
}

// A value in parts, the wanted runs of it, and the node of the logical graph that it is put together for.
typedef struct { const Node *in, *as; Run channels, images; } Wanted;

// The wanted channels of one run of images.
static Node *gather_channels(Placing *p, const Wanted *w, int image, Run images, const Spot *s)
{
    int id = w->in->id, runs = p->channels[id], count = 0;
    int64_t channels = w->in->shape.c / runs;
    Node *all[GRAPH_DEVICES];
    for (int c = 0; c < runs; c++) {
        Run have = { c * channels, channels };
        if (!meet(have, w->channels))
            continue;
        Node *x = p->parts[id][holder(p, w->in, image, c, s)];
        x = cut(p, OP_BATCH_SLICE, "images", x, images, w->images, s);
        all[count++] = on_device(p, cut(p, OP_SLICE, "in", x, have, w->channels, s), s);
    }
    return side_by_side(p, OP_CONCAT, w->as, s, count, all);
}

static Node *gather(Placing *p, const Wanted *w, const Spot *s)
{
    int runs = p->count[w->in->id] > 1 ? split_images(w->in->split) : 1, count = 0;
    int64_t images = w->in->shape.n / runs;
    Node *all[GRAPH_DEVICES];
    for (int i = 0; i < runs; i++) {
        Run have = { i * images, images };
        if (meet(have, w->images))
            all[count++] = gather_channels(p, w, i, have, s);
    }
    return side_by_side(p, OP_BATCH_CONCAT, w->as, s, count, all);
}

// Readers of one spot share what was put together for it.
static Node *gathered(Placing *p, const Wanted *w, const Spot *s)
{
    Gathered **list = &p->gathered[w->in->id];
    for (const Gathered *g = *list; g; g = g->next)
        if (g->spot.split == s->split && g->spot.part == s->part && g->spot.device == s->device &&
            g->channels.first == w->channels.first && g->channels.count == w->channels.count)
            return g->value;
    int before = p->g->count;
    Gathered *made = ARENA_NEW(p->g->arena, Gathered);
    *made = (Gathered){ *s, w->channels, gather(p, w, s), *list };
    if (s->parts == 1 && !*list && p->g->count > before && made->value == p->g->nodes[p->g->count - 1] &&
        op_has(made->value->op, OP_VIEW))
        made->value->name = w->as->name;             // which leaves the graph
    *list = made;
    return made->value;
}

Node *place_value(Placing *p, const Node *in, const Node *user, Run channels, const Spot *s)
{
    if (in->op == OP_PARAM)
        return param_rows(p, in, user, s);
    if (op_has(in->op, OP_SOURCE)) {
        Run whole = { 0, in->shape.c };
        return cut(p, OP_SLICE, "in", input_on(p, in, s), whole, channels, s);
    }
    int64_t images = in->shape.n / s->images;
    bool gathers = user->op == OP_ALL || user->op == OP_JOIN;
    Wanted w = { in, gathers ? user : in, channels, { s->image * images, images } };
    while (w.in->op == OP_JOIN && p->count[w.in->id] == 0)     // put together where it is read
        w.in = w.in->in[0];
    return gathered(p, &w, s);
}
