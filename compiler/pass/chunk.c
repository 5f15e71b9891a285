// Cuts the maps of a batch into runs of images, so that values cross between devices while others are still
// being made: what follows the first run begins, and its messages leave, before the second is there.
//
// Before: gradients are there. After: where a map was, one node a run; a BATCH_CONCAT puts the runs side by
// side for whoever reads all images (gradients of weights, fully connected layers), a BATCH_SLICE cuts out
// what was whole. Both move nothing. Legal because no node that is cut mixes images; gradients of weights
// stay whole, so their sums are those of the whole batch.
#include "pass/pass.h"
#include "pass/rules.h"

typedef struct {
    Graph *g;
    int    chunks, count;      // the nodes that there were
    Node ***part;              // by id: the runs of a value; NULL: none yet
    Node **whole;              // by id: what stands for all images of it
    bool  *per_image, *cut;    // by id
} Chunking;

// A batch of maps: not what has the shape of weights, and no vectors, whose layers read all their weights
// again for every run.
static bool can_cut(const Chunking *c, const Node *n)
{
    bool other = op_has(n->op, OP_SOURCE | OP_UPDATE | OP_REDUCTION | OP_WEIGHTS) || rule_moves_images(n->op)
                 || n->op == OP_FLATTEN;
    if (other || !c->per_image[n->id] || n->shape.h * n->shape.w == 1 || n->shape.n % c->chunks)
        return false;
    return !rule_needs_places(n) || c->cut[n->forward->id];
}

static void find_images(Chunking *c)
{
    for (int i = 0; i < c->count; i++) {
        const Node *n = c->g->nodes[i];
        c->per_image[i] = op_has(n->op, OP_SOURCE) && n->op != OP_PARAM;
        for (int k = 0; k < n->inputs && !op_has(n->op, OP_WEIGHTS); k++)
            c->per_image[i] = c->per_image[i] || c->per_image[n->in[k]->id];
        c->cut[i] = can_cut(c, n);
    }
}

static Node *new_node(Chunking *c, Op op, Node *like, const char *name, int inputs, Node *const *in)
{
    Node *n = graph_add(c->g, op, name, like->at, like->layer, inputs, in);
    n->role = like->role;
    n->device = like->device;
    n->part = like->part;
    n->parts = like->parts;
    n->forward = like->forward;
    return n;
}

static const char *name_of(const Chunking *c, const Node *n, int chunk)
{
    return arena_printf(c->g->arena, "%s.chunk%d", n->name, chunk);
}

// Run `chunk` of what `in` is; parameters are whole for all.
static Node *run_of(Chunking *c, Node *in, int chunk)
{
    if (!c->per_image[in->id])
        return in;
    if (!c->part[in->id])
        c->part[in->id] = ARENA_ARRAY(c->g->arena, Node *, c->chunks);
    Node **own = &c->part[in->id][chunk];
    if (!*own) {
        int64_t images = in->shape.n / c->chunks;
        *own = new_node(c, OP_BATCH_SLICE, in, name_of(c, in, chunk), 1, &in);
        (*own)->attr.slice = (SliceAttr){ images * chunk, images };
        graph_infer(c->g, *own);
    }
    return *own;
}

// All images of a value. The node that was one leaves the graph, and its name goes on.
static Node *whole_of(Chunking *c, Node *in)
{
    if (!c->cut[in->id])
        return in;
    if (!c->whole[in->id]) {
        Node *n = new_node(c, OP_BATCH_CONCAT, in, in->name, c->chunks, c->part[in->id]);
        n->name = in->name;
        graph_infer(c->g, n);
        c->whole[in->id] = n;
    }
    return c->whole[in->id];
}

static void cut(Chunking *c, Node *n)
{
    Node **in = ARENA_ARRAY(c->g->arena, Node *, n->inputs);
    Node **made = ARENA_ARRAY(c->g->arena, Node *, c->chunks);
    for (int i = 0; i < c->chunks; i++) {
        for (int k = 0; k < n->inputs; k++)
            in[k] = run_of(c, n->in[k], i);
        Node *run = made[i] = new_node(c, n->op, n, name_of(c, n, i), n->inputs, in);
        run->attr = n->attr;
        run->chunk = i;
        run->chunks = c->chunks;
        if (op_has(n->op, OP_RANDOM))
            run->attr.dropout.first_image += n->shape.n / c->chunks * i;
        if (n->forward && c->cut[n->forward->id])
            run->forward = c->part[n->forward->id][i];
        graph_infer(c->g, run);
    }
    c->part[n->id] = made;
}

static void keep_whole(Chunking *c, Node *n)
{
    for (int k = 0; k < n->inputs; k++)
        n->in[k] = whole_of(c, n->in[k]);
    if (n->forward && c->cut[n->forward->id])        // which says in what form its inputs were read
        n->forward = c->part[n->forward->id][0];
}

static void replace_ends(Chunking *c)
{
    Graph *g = c->g;
    for (int i = 0; i < g->output_count; i++)
        g->outputs[i].node = whole_of(c, g->outputs[i].node);
    for (int i = 0; i < g->metric_count; i++)
        g->metrics[i] = whole_of(c, g->metrics[i]);
    if (g->scores)
        g->scores = whole_of(c, g->scores);
    if (g->loss)
        g->loss = whole_of(c, g->loss);
}

// Only what crosses gains.
static bool sends_maps(const Chunking *c)
{
    for (int i = 0; i < c->count; i++)
        if (op_has(c->g->nodes[i]->op, OP_TRANSFER) && c->cut[i])
            return true;
    return false;
}

bool pass_chunk(Graph *g, const PassOptions *o)
{
    int before = g->diag->errors;
    Chunking c = { .g = g, .chunks = o->chunks, .count = g->count,
                   .part = ARENA_ARRAY(g->arena, Node **, g->count),
                   .whole = ARENA_ARRAY(g->arena, Node *, g->count),
                   .per_image = ARENA_ARRAY(g->arena, bool, g->count),
                   .cut = ARENA_ARRAY(g->arena, bool, g->count) };
    if (o->chunks < 2)
        return true;
    find_images(&c);
    if (!sends_maps(&c))
        return true;
    for (int i = 0; i < c.count; i++)
        if (c.cut[i])
            cut(&c, g->nodes[i]);
        else
            keep_whole(&c, g->nodes[i]);
    replace_ends(&c);
    graph_compact(g);
    return g->diag->errors == before;
}
