// pass_layout: gives every value a layout that its kernels want (rules.c), inserting RELAYOUT and
// FLIP nodes where a producer's and a user's differ, and decides which concatenations and slices
// move nothing because their inputs or users can live in one piece of memory.
//
// Before: a simplified graph with shapes and devices. After: HAS_LAYOUTS, every node has a layout;
// the graph may hold new nodes. Legal because a layout is only an order of elements: every kernel
// computes by logical index, and RELAYOUT copies logical elements. A copy from a device of another target
// brings dense floats, so it is laid out as a source is: for who reads it.
#include "pass/pass.h"
#include "pass/pieces.h"
#include "pass/rules.h"
#include "pass/views.h"
#include <string.h>

enum { FEW_CHANNELS = 4 };     // an input of so many or fewer is better read PLAIN than padded to V

// The convolution that an image's layout was made for.
typedef struct { const Node *image, *reader; } ImageReader;

typedef struct {
    Graph               *g;
    const PassOptions   *options;
    int                  vector;       // of the node's device: channels are padded to so many
    Element              matrix;       // what contractions read there
    const TargetLayouts *layouts;
    bool                *feeds;        // by id: a contraction reads it, maybe through views
    ImageReader         *readers;      // of images with few channels
    int                  reader_count, reader_capacity;
    Node               **out;          // the graph as it is rebuilt
    int                  count, capacity;
} Plan;

// What follows asks for a node of this device.
static void look_at(Plan *p, int device)
{
    const Target *t = pass_target(p->options, device);
    p->vector = t->vector;
    p->matrix = t->matrix;
    p->layouts = &target_layouts[t->kind];
}

// Is it a copy from a device of another target?
static bool crosses_targets(const Plan *p, const Node *n)
{
    return op_has(n->op, OP_TRANSFER)
        && pass_target(p->options, n->device) != pass_target(p->options, n->in[0]->device);
}

static bool pieces_equal(const Pieces *a, const Pieces *b)
{
    return a->count == b->count &&
           !memcmp(a->channels, b->channels, (size_t)a->count * sizeof a->channels[0]);
}

// Kinds that a flattened map may have without moving: they know the map it came from.
static bool holds_features(LayoutKind kind)
{
    return kind == LAYOUT_PANEL || kind == LAYOUT_COLUMNS || kind == LAYOUT_NHWC;
}

static Layout layout_of_kind(LayoutKind kind, int vector, const Pieces *pieces, Shape s)
{
    Layout l = { .kind = kind, .vector = vector, .pieces = *pieces };
    if (holds_features(kind)) {
        l.in_h = (int)s.h;
        l.in_w = (int)s.w;
    }
    return l;
}

static bool wants_map(Want want) { return want == WANT_MAP || want == WANT_IMAGE; }

// The layout a reader wants for a value that is there in another one. A flattened map keeps the
// pieces and the size of the map it came from where its features stay in their order.
static Layout layout_from(const Plan *p, Want want, const Node *value)
{
    const Layout *old = &value->layout;
    LayoutKind kind = p->layouts->kinds[want];
    int vector = p->vector;
    bool features = holds_features(kind) && !wants_map(want);
    bool flattened = node_is_flattened(value);
    Pieces one = pieces_one(value->shape.c);
    if (kind == LAYOUT_PLAIN || (flattened && !features))
        return layout_of_kind(kind, vector, &one, value->shape);
    Layout l = layout_of_kind(kind, vector, &old->pieces, value->shape);
    if (flattened) {
        l.in_h = old->in_h;
        l.in_w = old->in_w;
    }
    return l;
}

static void append(Plan *p, Node *n)
{
    ARENA_PUSH(p->g->arena, p->out, p->count, p->capacity, n);
}

// --- relayouts ----------------------------------------------------------------------------------

static bool same_order(const Layout *a, const Layout *b)
{
    return a->kind == b->kind && a->vector == b->vector && pieces_equal(&a->pieces, &b->pieces) &&
           pieces_equal(&a->pieces_out, &b->pieces_out) && a->in_h == b->in_h && a->in_w == b->in_w;
}

static Node *earlier_relayout(const Plan *p, const Node *value, const Layout *to)
{
    for (int i = 0; i < p->count; i++)
        if (p->out[i]->op == OP_RELAYOUT && p->out[i]->in[0] == value &&
            same_order(&p->out[i]->layout, to) && p->out[i]->layout.element == to->element)
            return p->out[i];
    return NULL;
}

// A node that holds `value` in layout `to`, made once for all users.
static Node *relayout(Plan *p, Node *value, const Layout *to, const Node *user)
{
    Node *n = earlier_relayout(p, value, to);
    if (n)
        return n;
    const char *name = arena_printf(p->g->arena, "%s.%s", value->name, layout_name(to->kind));
    n = graph_add1(p->g, OP_RELAYOUT, name, value, value);
    n->role = user->role == ROLE_UPDATE ? ROLE_BACKWARD : user->role;
    n->device = value->device;
    n->part = value->part;
    n->parts = value->parts;
    n->forward = user->forward;
    n->shape = value->shape;
    n->layout = *to;
    append(p, n);
    return n;
}

// `value` in layout `to` and its elements, moved before it is rounded where no kernel does both.
static Node *rounded(Plan *p, Node *value, const Layout *to, const Node *user)
{
    Layout moved = *to;
    moved.element = value->layout.element;
    if (!p->layouts->moves_round && moved.element != to->element && !same_order(&value->layout, &moved))
        value = relayout(p, value, &moved, user);
    return relayout(p, value, to, user);
}

// Channels of every group are whole blocks, so that rotated and transposed weights can be blocked.
static bool groups_are_blocks(const Node *n, const Node *weights, int vector)
{
    int groups = n->attr.conv.groups;
    return groups <= 1 ||
           (weights->shape.c % vector == 0 && weights->shape.n / groups % vector == 0);
}

static Node *flipped(Plan *p, Node *user, Node *weights)
{
    // Stored plain: shared with a convolution over the image.
    bool stored_plain = weights->layout.kind == LAYOUT_FILTERS_IN;
    if (stored_plain || !groups_are_blocks(user, weights, p->vector))
        return weights;
    for (int i = 0; i < p->count; i++)
        if (p->out[i]->op == OP_FLIP && p->out[i]->in[0] == weights &&
            p->out[i]->attr.conv.groups == user->attr.conv.groups)
            return p->out[i];
    const char *name = arena_printf(p->g->arena, "%s.flip", weights->name);
    Node *n = graph_add1(p->g, OP_FLIP, name, user, weights);
    n->attr.conv = user->attr.conv;
    n->role = ROLE_BACKWARD;
    n->device = weights->device;
    n->part = weights->part;
    n->parts = weights->parts;
    n->forward = user->forward;
    if (!graph_infer(p->g, n))
        return weights;
    n->layout = weights->layout;
    bool grouped = user->attr.conv.groups > 1;
    n->layout.pieces = grouped ? pieces_one(n->shape.c) : weights->layout.pieces_out;
    n->layout.pieces_out = grouped ? pieces_one(n->shape.n) : weights->layout.pieces;
    append(p, n);
    return n;
}

// --- parameters ---------------------------------------------------------------------------------

// A run of whole rows of taps is read at once: they are padded as the image's are.
static Layout nhwc_weights(const Plan *p, const Node *x, Shape w, int groups)
{
    Layout l = { .kind = LAYOUT_NHWC, .vector = x->layout.vector };
    l.pieces = groups > 1 ? pieces_one(w.c) : x->layout.pieces;
    l.in_h = node_is_flattened(x) ? x->layout.in_h : 1;
    l.in_w = node_is_flattened(x) ? x->layout.in_w : 1;
    if (l.vector < p->vector)
        l.right = image_row_padding(w.w, layout_pixel(&l, w), p->vector);
    return l;
}

// The layout that weights need for a convolution or fully connected layer over `x`. With groups
// the input channels of a filter are those of one group, whatever pieces x has.
static Layout weights_layout(const Plan *p, const Node *x, Shape w, int groups)
{
    Layout l = { .vector = p->vector, .pieces_out = pieces_one(w.n) };
    if (x->layout.kind == LAYOUT_NHWC)
        return nhwc_weights(p, x, w, groups);
    l.kind = x->layout.kind == LAYOUT_COLUMNS ? LAYOUT_DENSE
             : x->layout.kind == LAYOUT_PLAIN ? LAYOUT_FILTERS_IN
                                              : LAYOUT_FILTERS;
    l.pieces = groups > 1 || l.kind == LAYOUT_FILTERS_IN ? pieces_one(w.c) : x->layout.pieces;
    if (l.kind == LAYOUT_DENSE) {
        l.in_h = x->layout.in_h;
        l.in_w = x->layout.in_w;
    }
    return l;
}

// Filters of all places behind one another: whatever stands in a vector belongs to one place.
static Layout local_layout(const Plan *p, Shape w)
{
    Pieces one = pieces_one(w.c);
    Layout l = layout_of_kind(p->layouts->kinds[WANT_LOCAL], p->vector, &one, (Shape){ 1, 1, 1, 1 });
    l.pieces_out = pieces_one(w.n);
    return l;
}

static Layout places_layout(const Plan *p, const Node *x)
{
    Shape place = { 1, x->shape.c, x->shape.h, x->shape.w };
    return layout_of_kind(p->layouts->kinds[WANT_PLACES], p->vector, &x->layout.pieces, place);
}

static Layout channels_layout(const Plan *p, const Node *x)
{
    return layout_of_kind(p->layouts->kinds[WANT_CHANNELS], p->vector, &x->layout.pieces,
                          (Shape){ 1, 1, 1, 1 });
}

// --- one node -----------------------------------------------------------------------------------

static const Node *reader_of(const Plan *p, const Node *image)
{
    for (int i = 0; i < p->reader_count; i++)
        if (p->readers[i].image == image)
            return p->readers[i].reader;
    return NULL;
}

// The input that a value is, or is some images of.
static const Node *image_of(const Node *value)
{
    return value->op == OP_BATCH_SLICE ? image_of(value->in[0]) : value;
}

// An image padded for another convolution's rows of taps does not serve this one.
static bool image_fits(const Plan *p, const Node *user, const Node *value)
{
    if (value->layout.kind == LAYOUT_PLAIN)
        return image_of(value)->op == OP_INPUT;
    if (value->layout.vector == p->vector)
        return true;
    const Node *reader = reader_of(p, image_of(value));
    return reader && window_equal(&reader->attr.conv.window, &user->attr.conv.window);
}

static bool kind_fits(const Plan *p, const Node *user, Want want, const Node *value)
{
    LayoutKind k = value->layout.kind, wanted = p->layouts->kinds[want];
    switch (want) {
    case WANT_MAP:
        return k == wanted && value->layout.vector == p->vector
            && (k != LAYOUT_NHWC || !node_is_flattened(value));
    case WANT_IMAGE:
        return (k == wanted || k == LAYOUT_PLAIN) && image_fits(p, user, value);
    case WANT_MAP_OR_PANEL:
        return k == wanted || k == p->layouts->kinds[WANT_PANEL];
    case WANT_ANY:                                   // an update takes its parameter as it is
        return k != LAYOUT_NHWC || value->layout.vector == p->vector || op_has(user->op, OP_UPDATE);
    case WANT_PANEL:
    case WANT_COLUMNS:
    case WANT_PLAIN:
        return k == wanted && (k == LAYOUT_PLAIN || value->layout.vector == p->vector);
    default:
        return true;
    }
}

// The parameter itself, or a replica's copy of it.
static bool is_parameter(const Node *n)
{
    return op_has(n->op, OP_TRANSFER) ? is_parameter(n->in[0]) : n->op == OP_PARAM;
}

// Tensor cores take rounded numbers. Values are rounded where they are made; in TF32 GPUs round images and
// the weights of fully connected layers in the kernel that reads them (docs/decisions.md).
static Element wanted_element(const Plan *p, const Node *user, int i, const Node *value)
{
    bool loop_rounds = image_of(value)->op == OP_INPUT
                       || (is_parameter(value) && rule_want(user, i) == WANT_DENSE);
    loop_rounds = loop_rounds && p->layouts->loop_rounds && p->matrix == ELEMENT_TF32;
    if (!op_has(user->op, OP_CONTRACTION) || loop_rounds)
        return value->layout.element;
    return p->matrix;
}

// The image, or its copy in other elements, has the halo and the rows that this convolution wants.
static void note_reader(Plan *p, const Node *image, const Node *reader)
{
    ImageReader r = { image, reader };
    ARENA_PUSH(p->g->arena, p->readers, p->reader_count, p->reader_capacity, r);
}

// The pieces that a map must come in: the gradients of pools and normalisations walk its channels side
// by side with those that the forward kernel saw (places of maxima, x). NULL: any.
static const Pieces *wanted_pieces(const Node *n, Want want)
{
    Pattern pattern = op_rules[n->op].pattern;
    bool walks = pattern == PATTERN_WINDOW || pattern == PATTERN_NEIGHBOURS;
    bool compares = rule_needs_places(n) || (n->inputs > 1 && rule_reads(n, 1));
    return want == WANT_MAP && walks && compares && n->forward ? &n->forward->layout.pieces : NULL;
}

static Node *fit_input(Plan *p, Node *n, int i)
{
    Node *value = n->in[i];
    Want want = rule_want(n, i);
    if (!rule_reads(n, i))
        return value;
    Layout to;
    if (node_wants_other_order(n, value, &to))
        return relayout(p, value, &to, n);
    if (want == WANT_SAME) {
        to = layout_compact(n->in[0]->layout);
        to.element = value->layout.element;
        if (op_rules[n->op].pieces == PIECES_JOINED)     // every input keeps its own pieces
            to.pieces = value->layout.pieces;
        return same_order(&value->layout, &to) ? value : relayout(p, value, &to, n);
    }
    if (want == WANT_FLIPPED && p->layouts->flips) {
        to = value->layout;
        to.element = p->matrix;
        return flipped(p, n, to.element == value->layout.element ? value : relayout(p, value, &to, n));
    }
    if (want == WANT_AS_PARAM)
        return same_order(&value->layout, &n->in[0]->layout)
                   ? value : relayout(p, value, &n->in[0]->layout, n);
    const Pieces *pieces = wanted_pieces(n, want);
    bool fits = kind_fits(p, n, want, value) && (!pieces || pieces_equal(pieces, &value->layout.pieces));
    to = fits ? value->layout : layout_from(p, want, value);
    if (pieces)
        to.pieces = *pieces;
    to.element = wanted_element(p, n, i, value);
    if (fits && to.element == value->layout.element)
        return value;
    Node *copy = rounded(p, value, &to, n);
    if (fits && want == WANT_IMAGE)
        note_reader(p, copy, n);
    // Element by element in the same places.
    if (fits && value->op == OP_PARAM && p->layouts->updates_round)
        value->rounded = copy;
    return copy;
}

// An image with few channels: on CPUs plain; on GPUs with pixels padded to as few channels as let
// every window start at a multiple of the vector.
static void fit_image(Plan *p, const Node *user, Node *image)
{
    Pieces one = pieces_one(image->shape.c);
    if (p->layouts->kinds[WANT_IMAGE] != LAYOUT_NHWC) {
        image->layout = layout_of_kind(LAYOUT_PLAIN, p->vector, &one, image->shape);
        return;
    }
    int vector = image_pixel_padding(&user->attr.conv.window, image->shape.c, p->vector);
    image->layout = layout_of_kind(LAYOUT_NHWC, vector, &one, image->shape);
    note_reader(p, image, user);
}

// Who reads some images of an input is asked in their place.
static Node *first_reader(const Plan *p, Node *user, int *i)
{
    for (int k = user->id + 1; k < p->g->count && user->op == OP_BATCH_SLICE; k++)
        for (int q = 0; q < p->g->nodes[k]->inputs; q++)
            if (p->g->nodes[k]->in[q] == user) {
                *i = q;
                return first_reader(p, p->g->nodes[k], i);
            }
    return user;
}

// A source that nobody has given a layout yet takes the one its first user wants.
static void fit_source(Plan *p, Node *user, int i)
{
    Node *source = user->in[i];
    if (source->layout.kind != LAYOUT_NONE)
        return;
    user = first_reader(p, user, &i);
    Want want = rule_want(user, i);
    Pieces one = pieces_one(source->shape.c);
    if (want == WANT_FILTERS || want == WANT_DENSE || want == WANT_FLIPPED)
        source->layout = weights_layout(p, user->in[0], source->shape, user->attr.conv.groups);
    else if (want == WANT_LOCAL)
        source->layout = local_layout(p, source->shape);
    else if (want == WANT_PLACES)
        source->layout = places_layout(p, user->in[0]);
    else if (want == WANT_CHANNELS)
        source->layout = channels_layout(p, user->in[0]);
    else if (want == WANT_IMAGE && source->op == OP_INPUT && source->shape.c <= FEW_CHANNELS)
        fit_image(p, user, source);
    else if (i > 0 && (want == WANT_SAME || want == WANT_AS_PARAM)) {
        source->layout = layout_compact(user->in[0]->layout);
        source->layout.element = ELEMENT_FLOAT;
    } else if (op_rules[source->op].out == WANT_PLAIN || want == WANT_PLAIN)
        source->layout = layout_of_kind(LAYOUT_PLAIN, p->vector, &one, source->shape);
    else
        source->layout = layout_of_kind(p->layouts->kinds[want], p->vector, &one, source->shape);
    // Who writes an image rounds it, which spares its readers a copy.
    if (source->op == OP_INPUT && source->layout.kind == LAYOUT_NHWC && p->matrix == ELEMENT_BF16)
        source->layout.element = ELEMENT_BF16;
}

// What all inputs are: values that are moved stay as they are.
static Element inputs_element(const Node *n)
{
    for (int i = 1; i < n->inputs; i++)
        if (n->in[i]->layout.element != n->in[0]->layout.element)
            return ELEMENT_FLOAT;
    return n->in[0]->layout.element;
}

// In bf16 everything between layers is stored so, for the sake of memory; in tf32 only what a
// contraction reads is rounded.
static Element made_element(const Plan *p, const Node *n)
{
    Want want = op_rules[n->op].out;
    LayoutKind kind = want == WANT_SAME ? n->in[0]->layout.kind : p->layouts->kinds[want];
    if (kind == LAYOUT_PLAIN || op_rules[n->op].pattern == PATTERN_SOFTMAX)
        return ELEMENT_FLOAT;
    if (!p->layouts->moves_round && op_rules[n->op].pattern == PATTERN_RELAYOUT)
        return inputs_element(n);
    return p->matrix == ELEMENT_BF16 || p->feeds[n->id] ? p->matrix : ELEMENT_FLOAT;
}

static void find_feeds(Plan *p)
{
    p->feeds = ARENA_ARRAY(p->g->arena, bool, p->g->count);
    for (int i = p->g->count - 1; i >= 0; i--) {
        const Node *user = p->g->nodes[i];
        bool passes = op_rules[user->op].view != VIEW_NEVER || op_has(user->op, OP_TRANSFER);
        for (int k = 0; k < user->inputs; k++)
            if (op_has(user->op, OP_CONTRACTION) || (passes && p->feeds[user->id]))
                p->feeds[user->in[k]->id] = true;
    }
}

// A gradient of weights is stored as they are, which may suit another layer that shares them.
static Layout gradient_layout(const Plan *p, const Node *n)
{
    if (!n->forward || n->forward->inputs < 2)
        return weights_layout(p, n->in[0], n->shape, n->attr.conv.groups);
    Layout l = n->forward->in[1]->layout;
    l.element = ELEMENT_FLOAT;
    return l;
}

static bool keeps_layout(const Node *n)
{
    return op_has(n->op, OP_UPDATE | OP_KEEPS) || layout_is_weights(&n->in[0]->layout);
}

static void set_output(Plan *p, Node *n)
{
    const Node *x = n->in[0];
    Want want = op_rules[n->op].out;
    if (want == WANT_FILTERS || want == WANT_DENSE || want == WANT_LOCAL) {
        n->layout = gradient_layout(p, n);
        return;
    }
    if (want == WANT_PLACES) {
        n->layout = places_layout(p, x);
        return;
    }
    if (want == WANT_CHANNELS) {
        n->layout = channels_layout(p, x);
        return;
    }
    Pieces pieces = pieces_of_output(n);
    LayoutKind kind = want == WANT_SAME ? x->layout.kind : p->layouts->kinds[want];
    if (want == WANT_SAME && keeps_layout(n)) {
        n->layout = x->layout;
        if (op_has(n->op, OP_KEEPS))                 // a sum in fewer bits would lose what is added last
            n->layout.element = ELEMENT_FLOAT;
        return;
    }
    n->layout = layout_of_kind(kind, p->vector, &pieces, n->shape);
    n->layout.element = made_element(p, n);
    const Node *as = op_rules[n->op].pieces == PIECES_FORWARD && n->forward ? n->forward->in[0] : x;
    bool same_features = shape_equal(n->shape, x->shape) && !op_has(n->op, OP_CONTRACTION);
    bool keeps_order = kind != LAYOUT_NHWC || as != x || want == WANT_SAME || same_features;
    if (kind == as->layout.kind && holds_features(kind) && keeps_order && n->shape.h * n->shape.w == 1) {
        n->layout.in_h = as->layout.in_h;        // features keep the order of the map they came from
        n->layout.in_w = as->layout.in_w;
    }
}

static void lay_out(Plan *p, Node *n)
{
    if (op_has(n->op, OP_SOURCE)) {
        append(p, n);
        return;
    }
    look_at(p, n->device);
    bool some_images = image_of(n)->op == OP_INPUT;        // which stay where they stand
    bool crosses = crosses_targets(p, n);
    for (int i = 0; i < n->inputs; i++) {
        fit_source(p, n, i);
        n->in[i] = some_images || crosses ? n->in[i] : fit_input(p, n, i);
    }
    if (some_images)
        n->layout = n->in[0]->layout;
    else if (!crosses)
        set_output(p, n);
    append(p, n);
}

// --- halos --------------------------------------------------------------------------------------

// Rows of an image that is read in runs of taps: as many more columns as the last window's padded
// run reaches, and as make every row start at a multiple of the vector.
static void pad_rows(Node *image, const Node *reader, int vector)
{
    Layout *l = &image->layout;
    int64_t pixel = layout_pixel(l, image->shape);
    l->right += image_row_padding(reader->attr.conv.window.kernel_w, pixel, vector);
    l->right += image_row_padding(l->left + image->shape.w + l->right, pixel, vector);
}

static void find_halos(Plan *p)
{
    Graph *g = p->g;
    Halo *need = ARENA_ARRAY(g->arena, Halo, g->count);
    for (int i = 0; i < g->count; i++)
        for (int k = 0; k < g->nodes[i]->inputs; k++)
            rule_halo(g->nodes[i], k, &need[node_home(g->nodes[i]->in[k])->id]);
    for (int i = 0; i < g->count; i++) {
        Node *n = g->nodes[i];
        Layout *l = &n->layout;
        look_at(p, n->device);
        bool is_run = l->kind == LAYOUT_NHWC && l->vector < p->vector && reader_of(p, image_of(n));
        if (l->kind != LAYOUT_BLOCKED && l->kind != LAYOUT_PLAIN && !is_run)
            continue;
        const Halo *halo = &need[node_home(n)->id];
        l->top = (int)halo->top;
        l->left = (int)halo->left;
        l->bottom = (int)halo->bottom;
        l->right = (int)halo->right;
        if (is_run)
            pad_rows(n, reader_of(p, image_of(n)), p->vector);
    }
}

bool pass_layout(Graph *g, const PassOptions *o)
{
    Plan p = { .g = g, .options = o };
    int count = g->count;
    Node **nodes = ARENA_ARRAY(g->arena, Node *, count);
    memcpy(nodes, g->nodes, (size_t)count * sizeof *nodes);
    find_feeds(&p);
    for (int i = 0; i < count; i++)
        lay_out(&p, nodes[i]);
    g->nodes = p.out;
    g->count = p.count;
    g->capacity = p.capacity;
    for (int i = 0; i < g->count; i++)
        g->nodes[i]->id = i;
    views_find(g);
    find_halos(&p);
    views_place(g);
    return true;
}
