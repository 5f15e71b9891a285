// Replaces nodes by cheaper ones that compute the same, then drops what nothing needs. One walk is
// enough: inputs stand before users, and a replacement is looked at again at once. No rule changes
// the order of a sum of products; adding a zero may turn -0 into 0.
#include "pass/simplify.h"
#include <string.h>

typedef struct Seen { Node *node; struct Seen *next; } Seen;

struct Simplify {
    Graph *g;
    Seen **seen;               // nodes looked at, by their first input
    int    buckets;
};

// --- the rules: n stands for itself, or for what is returned ------------------------------------------

static Node *instead_of(Graph *g, Op op, const char *suffix, Node *n, int inputs,
                        Node *const *in)
{
    const char *name = arena_printf(g->arena, "%s.%s", n->name, suffix);
    Node *made = graph_add(g, op, name, n->at, n->layer, inputs, in);
    made->role = n->role;
    made->device = n->device;
    made->part = n->part;
    made->parts = n->parts;
    made->forward = n->forward;
    return made;
}

// Dropout outside of training: the paper's form multiplies by the share that is kept, the inverted
// form does nothing.
static Node *rest_dropout(Simplify *s, Node *n)
{
    if (n->op != OP_DROPOUT || s->g->mode == GRAPH_TRAIN)
        return NULL;
    if (!n->attr.dropout.scale_in_test)
        return n->in[0];
    Node *scale = instead_of(s->g, OP_SCALE, "kept", n, 1, n->in);
    scale->attr.pointwise = (PointwiseAttr){ 1 - n->attr.dropout.rate, 0 };
    graph_infer(s->g, scale);
    return scale;
}

static Node *scale_by_one(Simplify *s, Node *n)
{
    (void)s;
    bool nothing = n->op == OP_SCALE && n->attr.pointwise.a == 1 && n->attr.pointwise.b == 0;
    return nothing ? n->in[0] : NULL;
}

// A view that leaves the shape as it is moves nothing: flatten of a vector, a concatenation of one,
// a slice or an embedding of everything.
static Node *same_view(Simplify *s, Node *n)
{
    (void)s;
    bool nothing = op_has(n->op, OP_VIEW) && n->inputs == 1 && n->device == n->in[0]->device &&
                   shape_equal(n->shape, n->in[0]->shape);
    return nothing ? n->in[0] : NULL;
}

static Node *flatten_twice(Simplify *s, Node *n)
{
    if (n->op != OP_FLATTEN || n->in[0]->op != OP_FLATTEN)
        return NULL;
    Node *flat = instead_of(s->g, OP_FLATTEN, "flat", n, 1, n->in[0]->in);
    graph_infer(s->g, flat);
    return flat;
}

static bool is_zero(const Node *n)
{
    return n->op == OP_SCALE && n->attr.pointwise.a == 0 && n->attr.pointwise.b == 0;
}

static Node *add_zero(Simplify *s, Node *n)
{
    (void)s;
    if (n->op != OP_ADD || n->inputs != 2)
        return NULL;
    return is_zero(n->in[1]) ? n->in[0] : is_zero(n->in[0]) ? n->in[1] : NULL;
}

// Values are cut and put together along their channels, or along the images of a batch.
typedef struct { Op slice, embed, concat; } Axis;
static const Axis axes[] = { { OP_SLICE, OP_EMBED, OP_CONCAT },
                             { OP_BATCH_SLICE, OP_BATCH_EMBED, OP_BATCH_CONCAT } };

// That along which this op cuts or puts together; NULL: it does not.
static const Axis *axis_of(Op op)
{
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++)
        if (op == axes[i].slice || op == axes[i].embed || op == axes[i].concat)
            return &axes[i];
    return NULL;
}

static int64_t extent(const Axis *a, const Node *n)
{
    return a == &axes[0] ? n->shape.c : n->shape.n;
}

// The sum of two embeddings that meet is one of both, side by side; same_view takes the embedding away
// once it is all. Gradients of slices that cover a value add up this way.
static Node *add_embeds(Simplify *s, Node *n)
{
    const Axis *a = n->op == OP_ADD && n->inputs == 2 ? axis_of(n->in[0]->op) : NULL;
    if (!a || n->in[0]->op != a->embed || n->in[1]->op != a->embed)
        return NULL;
    Node *low = n->in[0], *high = n->in[1];
    if (low->attr.slice.first > high->attr.slice.first) {
        low = n->in[1];
        high = n->in[0];
    }
    int64_t first = low->attr.slice.first;
    if (high->attr.slice.first != first + extent(a, low->in[0]))
        return NULL;
    Node *both = instead_of(s->g, a->concat, "both", n, 2, (Node *[]){ low->in[0], high->in[0] });
    graph_infer(s->g, both);
    if (extent(a, both) == extent(a, n))
        return both;
    Node *embed = instead_of(s->g, a->embed, "embed", n, 1, &both);
    embed->attr.slice = (SliceAttr){ first, extent(a, n) };
    graph_infer(s->g, embed);
    return embed;
}

static Node *slice_of(Graph *g, const Axis *a, Node *n, Node *from, int64_t first)
{
    Node *slice = instead_of(g, a->slice, "slice", n, 1, &from);
    slice->attr.slice = (SliceAttr){ first, extent(a, n) };
    graph_infer(g, slice);
    return slice;
}

static Node *zero_instead(Simplify *s, Node *n)
{
    Node *zero = instead_of(s->g, OP_SCALE, "zero", n, 1, &n);
    zero->attr.pointwise = (PointwiseAttr){ 0, 0 };
    graph_infer(s->g, zero);
    return zero;
}

// What is cut out of an embedding lies within what was embedded, or beside it.
static Node *slice_of_embed(Simplify *s, const Axis *a, Node *n)
{
    Node *embed = n->in[0];
    int64_t first = n->attr.slice.first - embed->attr.slice.first, piece = extent(a, embed->in[0]);
    if (first >= 0 && first + extent(a, n) <= piece)
        return slice_of(s->g, a, n, embed->in[0], first);
    return first >= piece || first + extent(a, n) <= 0 ? zero_instead(s, n) : NULL;
}

// Zeros need not be sent: a part that read its own channels only, behind `all`, has no gradient for others.
static Node *copy_zero(Simplify *s, Node *n)
{
    return op_has(n->op, OP_TRANSFER) && is_zero(n->in[0]) ? zero_instead(s, n) : NULL;
}

// A slice of a slice, or of one piece of a concatenation, is a slice of what is behind. (When it
// is all of the piece, same_view removes it.)
static Node *slice_behind(Simplify *s, Node *n)
{
    const Axis *a = axis_of(n->op);
    if (!a || n->op != a->slice)
        return NULL;
    Node *in = n->in[0];
    int64_t first = n->attr.slice.first;
    if (in->op == a->slice)
        return slice_of(s->g, a, n, in->in[0], in->attr.slice.first + first);
    if (in->op == a->embed)
        return slice_of_embed(s, a, n);
    if (in->op != a->concat)
        return NULL;
    for (int i = 0; i < in->inputs; first -= extent(a, in->in[i]), i++)
        if (first >= 0 && first + extent(a, n) <= extent(a, in->in[i]))
            return slice_of(s->g, a, n, in->in[i], first);
    return NULL;
}

// Slices of one value, one behind the other, put side by side again are a slice of it.
static Node *concat_slices(Simplify *s, Node *n)
{
    const Axis *a = axis_of(n->op);
    if (!a || n->op != a->concat || n->in[0]->op != a->slice)
        return NULL;
    Node *whole = n->in[0]->in[0];
    int64_t first = n->in[0]->attr.slice.first, next = first;
    for (int i = 0; i < n->inputs; i++) {
        const Node *piece = n->in[i];
        if (piece->op != a->slice || piece->in[0] != whole || piece->attr.slice.first != next)
            return NULL;
        next += extent(a, piece);
    }
    return slice_of(s->g, a, n, whole, first);
}

// --- common subexpressions ----------------------------------------------------------------------------

// Views and copies compute nothing, so those of different parts may be one. Other nodes stay apart: every
// part must have the same kernels on one device as on several.
static bool may_stand_for(const Node *a, const Node *b)
{
    if (a->op != b->op || a->inputs != b->inputs || a->device != b->device ||
        !shape_equal(a->shape, b->shape))
        return false;
    // The same bytes mean the same; others, say in the padding, only leave both nodes standing.
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
    if (memcmp(&a->attr, &b->attr, sizeof a->attr) != 0)
        return false;
    if (!op_has(a->op, OP_VIEW | OP_TRANSFER) && (a->part != b->part || a->parts != b->parts))
        return false;
    for (int i = 0; i < a->inputs; i++)
        if (a->in[i] != b->in[i])
            return false;
    return true;
}

static Node *same_as_before(Simplify *s, Node *n)
{
    if (n->inputs == 0 || op_has(n->op, OP_SOURCE | OP_UPDATE | OP_RANDOM))
        return NULL;
    Seen **bucket = &s->seen[n->in[0]->id % s->buckets];
    for (Seen *o = *bucket; o; o = o->next)
        if (o->node == n)
            return NULL;
        else if (may_stand_for(o->node, n))
            return o->node;
    Seen *own = ARENA_NEW(s->g->arena, Seen);
    *own = (Seen){ n, *bucket };
    *bucket = own;
    return NULL;
}

// --- the table ------------------------------------------------------------------------------------------

const SimplifyRule simplify_rules[] = {
    { "dropout",       "dropout outside of training is a scale, or nothing",   rest_dropout   },
    { "scale",         "1 * x + 0 = x",                                        scale_by_one   },
    { "view",          "a view that leaves the shape as it is moves nothing",  same_view      },
    { "flatten",       "flatten(flatten(x)) = flatten(x)",                     flatten_twice  },
    { "add-zero",      "x + 0 = x",                                            add_zero       },
    { "add-embeds",    "embed(a) + embed(b) = concat(a, b)",                   add_embeds     },
    { "slice",         "slice(slice(x)), slice(concat(x, y)) = slice(x); slice(embed(x)) = slice(x) or 0",
      slice_behind },
    { "copy-zero",     "copy(0) = 0",                                          copy_zero      },
    { "concat-slices", "concat(slice(x), slice(x)) = slice(x)",                concat_slices  },
    { "common",        "what was computed before is not computed again",       same_as_before },
};
const int simplify_rule_count = sizeof simplify_rules / sizeof *simplify_rules;

// n, or what stands for it once no rule applies any more.
static Node *simplified(Simplify *s, Node *n, unsigned rules)
{
    for (int i = 0; i < simplify_rule_count; i++) {
        Node *other = rules >> i & 1 ? simplify_rules[i].apply(s, n) : NULL;
        if (other && other->id < n->id)
            return other;                             // an older node: was looked at before
        if (other) {
            n = other;
            i = -1;
        }
    }
    return n;
}

static void replace_ends(Graph *g, Node *const *stand_in)
{
    for (int i = 0; i < g->input_count; i++)
        g->inputs[i].node = stand_in[g->inputs[i].node->id];
    for (int i = 0; i < g->output_count; i++)
        g->outputs[i].node = stand_in[g->outputs[i].node->id];
    for (int i = 0; i < g->metric_count; i++)
        g->metrics[i] = stand_in[g->metrics[i]->id];
    if (g->scores)
        g->scores = stand_in[g->scores->id];
    if (g->loss)
        g->loss = stand_in[g->loss->id];
}

// A gradient may point at what stands for its forward node only where its formula stays the same.
static bool same_form(const Node *stand_in, const Node *forward)
{
    return stand_in == forward ||
           (stand_in->op == forward->op && stand_in->inputs > 0 && forward->inputs > 0 &&
            shape_equal(stand_in->in[0]->shape, forward->in[0]->shape));
}

bool simplify_graph(Graph *g, unsigned rules)
{
    int before = g->diag->errors, count = g->count;
    Node **stand_in = ARENA_ARRAY(g->arena, Node *, count);      // by id, of the nodes there were
    Simplify s = { g, ARENA_ARRAY(g->arena, Seen *, count), count };
    for (int i = 0; i < count; i++) {
        Node *n = g->nodes[i];
        for (int k = 0; k < n->inputs; k++)
            n->in[k] = stand_in[n->in[k]->id];
        if (n->forward && n->forward->id < i && same_form(stand_in[n->forward->id], n->forward))
            n->forward = stand_in[n->forward->id];
        stand_in[i] = simplified(&s, n, rules);
    }
    replace_ends(g, stand_in);
    graph_compact(g);
    return g->diag->errors == before;
}

bool pass_simplify(Graph *g, const PassOptions *o)
{
    (void)o;
    return simplify_graph(g, ~0u);
}
