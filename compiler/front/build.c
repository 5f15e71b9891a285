// Builders of the built-in stages: from checked arguments to nodes.
#include "front/build.h"
#include "front/op.h"
#include <string.h>

// A node of this use; the first of a layer has the layer's name.
static Node *stage_node(Elab *e, StageUse *u, Op op, const char *suffix, int inputs, Node *const *in)
{
    const char *name = suffix ? arena_printf(e->arena, "%s.%s", u->layer->name, suffix) : u->layer->name;
    Node *n = graph_add(e->graph, op, name, u->at, u->layer, inputs, in);
    n->device = e->on_device;
    split_mark(e, n);
    return n;
}

static Node *inferred(Elab *e, Node *n)
{
    return graph_infer(e->graph, n) ? n : NULL;
}

// --- arguments ----------------------------------------------------------------------------------

static int size_at(const Argument *a, int axis)
{
    return (int)a->value.items[axis].number;
}

static bool is_decided(const Argument *a)
{
    return a->value.kind == VALUE_LIST;
}

static Window window_of(const StageUse *u, const Argument *size)
{
    const Argument *stride = use_arg(u, "stride"), *pad = use_arg(u, "pad"), *dilation;
    Window w = { .kernel_h = size_at(size, 0), .kernel_w = size_at(size, 1) };
    if (!is_decided(stride))
        stride = size;
    dilation = use_arg(u, "dilation");
    w.stride_h = size_at(stride, 0);
    w.stride_w = size_at(stride, 1);
    w.dilation_h = is_decided(dilation) ? size_at(dilation, 0) : 1;
    w.dilation_w = is_decided(dilation) ? size_at(dilation, 1) : 1;
    w.pad_top = w.pad_bottom = size_at(pad, 0);
    w.pad_left = w.pad_right = size_at(pad, 1);
    w.round_up = !strcmp(use_word(u, "round"), "up");
    return w;
}

static Init init_of(const Argument *a)
{
    return a->value.kind == VALUE_INIT ? a->value.init : (Init){ INIT_CONSTANT, 0 };
}

// --- convolution and fully connected ------------------------------------------------------------

static Node *add_bias(Elab *e, StageUse *u, Node *n)
{
    const Argument *bias = use_arg(u, "bias");
    if (bias->value.kind == VALUE_WORD)              // none
        return n;
    Node *b = layer_param(e, u, "biases", true, (Shape){ 1, n->shape.c, 1, 1 }, 1, 1, init_of(bias));
    return b ? inferred(e, stage_node(e, u, OP_BIAS, "bias", 2, (Node *[]){ n, b })) : NULL;
}

// Groups of the whole layer: the user's, times the parts when each part sees its own maps only.
// 0: they do not divide the input or the output maps (reported).
static int groups_of(Elab *e, StageUse *u, int64_t channels, int64_t width)
{
    const Argument *written = use_arg(u, "groups");
    int own = written->value.kind == VALUE_NUMBER ? (int)written->value.number : 1;
    int shared = split_shared(u->in[0]);
    int64_t all = (int64_t)own * shared;
    if (all <= INT32_MAX && channels % all == 0 && width % all == 0)
        return (int)all;
    const char *of = channels % all ? "input" : "output";
    elab_error(e, written->given ? written->at : u->at, "E304",
               "%s: %lld groups do not divide %lld %s maps", u->layer->name, (long long)all,
               (long long)(channels % all ? channels : width), of);
    if (all != own)
        diag_detail(e->diag, "%d x %d parts of %s, each of which sees its own maps", own,
                    shared, e->split->text);
    return 0;
}

Node *build_conv(Elab *e, StageUse *u)
{
    Node *x = u->in[0];
    int64_t width = use_count(u, "width");
    if (!split_divides(e, u, width, "output maps", use_arg(u, "width")->at))
        return NULL;
    int groups = groups_of(e, u, x->shape.c, width);
    if (!groups)
        return NULL;
    Window w = window_of(u, use_arg(u, "size"));
    Shape shape = { width, x->shape.c / groups, w.kernel_h, w.kernel_w };
    int64_t taps = (int64_t)w.kernel_h * w.kernel_w;
    Node *weights = layer_param(e, u, "weights", false, shape, shape.c * taps, width / groups * taps,
                                init_of(use_arg(u, "init")));
    if (!weights)
        return NULL;
    Node *n = stage_node(e, u, OP_CONV, NULL, 2, (Node *[]){ x, weights });
    n->attr.conv = (ConvAttr){ groups, w };
    if (!inferred(e, n))
        return NULL;
    promise_remember(e, u, x, n, &w);
    return add_bias(e, u, n);
}

static Node *add_place_bias(Elab *e, StageUse *u, Node *n)
{
    const Argument *bias = use_arg(u, "bias");
    if (bias->value.kind == VALUE_WORD)              // none
        return n;
    Shape shape = { 1, n->shape.c, n->shape.h, n->shape.w };
    Node *b = layer_param(e, u, "biases", true, shape, 1, 1, init_of(bias));
    return b ? inferred(e, stage_node(e, u, OP_PLACE_BIAS, "bias", 2, (Node *[]){ n, b })) : NULL;
}

// Where the window does not fit there are no places: one, so that the op itself says what is wrong.
static int64_t places_of(const Window *w, Shape x)
{
    int64_t places, h = window_outputs_h(w, x.h), v = window_outputs_w(w, x.w);
    return h > 0 && v > 0 && size_multiply(h, v, &places) ? places : 1;
}

Node *build_local(Elab *e, StageUse *u)
{
    Node *x = u->in[0];
    int64_t width = use_count(u, "width");
    if (!split_divides(e, u, width, "output maps", use_arg(u, "width")->at))
        return NULL;
    int groups = groups_of(e, u, x->shape.c, width);
    if (!groups)
        return NULL;
    Window w = window_of(u, use_arg(u, "size"));
    int64_t channels = x->shape.c / groups, taps = (int64_t)w.kernel_h * w.kernel_w;
    Shape shape = { width, 0, w.kernel_h, w.kernel_w };
    size_multiply(places_of(&w, x->shape), channels, &shape.c);        // 0, which is illegal, where too large
    Node *weights = layer_param(e, u, "weights", false, shape, channels * taps, width / groups * taps,
                                init_of(use_arg(u, "init")));
    if (!weights)
        return NULL;
    Node *n = stage_node(e, u, OP_LOCAL, NULL, 2, (Node *[]){ x, weights });
    n->attr.conv = (ConvAttr){ groups, w };
    if (!inferred(e, n))
        return NULL;
    promise_remember(e, u, x, n, &w);
    return add_place_bias(e, u, n);
}

static Node *as_vector(Elab *e, StageUse *u, Node *x)
{
    if (x->shape.h == 1 && x->shape.w == 1)
        return x;
    return inferred(e, stage_node(e, u, OP_FLATTEN, "flatten", 1, &x));
}

Node *build_fc(Elab *e, StageUse *u)
{
    int64_t width = use_count(u, "width");
    if (!split_divides(e, u, width, "outputs", use_arg(u, "width")->at))
        return NULL;
    int groups = groups_of(e, u, u->in[0]->shape.c, width);
    Node *x = groups ? as_vector(e, u, u->in[0]) : NULL;
    if (!x)
        return NULL;
    Shape shape = { width, x->shape.c / groups, 1, 1 };
    Node *weights = layer_param(e, u, "weights", false, shape, shape.c, width / groups,
                                init_of(use_arg(u, "init")));
    if (!weights)
        return NULL;
    Node *n = stage_node(e, u, OP_FC, NULL, 2, (Node *[]){ x, weights });
    n->attr.conv.groups = groups;
    return inferred(e, n) ? add_bias(e, u, n) : NULL;
}

// --- one tensor in, one out ---------------------------------------------------------------------

static Node *build_simple(Elab *e, StageUse *u, Op op)
{
    return inferred(e, stage_node(e, u, op, NULL, 1, u->in));
}

Node *build_relu(Elab *e, StageUse *u)    { return build_simple(e, u, OP_RELU); }
Node *build_tanh(Elab *e, StageUse *u)    { return build_simple(e, u, OP_TANH); }
Node *build_sigmoid(Elab *e, StageUse *u) { return build_simple(e, u, OP_SIGMOID); }
Node *build_flatten(Elab *e, StageUse *u) { return build_simple(e, u, OP_FLATTEN); }

// Stages that mix maps need all of them.
static bool refuses_split(Elab *e, const StageUse *u)
{
    if (split_shared(u->in[0]) == 1)
        return false;
    elab_error(e, u->at, "E209", "`%s` needs all maps; in %s each part holds its own", u->stage->name,
               e->split->text);
    diag_help(e->diag, "put `all` before it, or move it out of the split");
    return true;
}

Node *build_softmax(Elab *e, StageUse *u)
{
    return refuses_split(e, u) ? NULL : build_simple(e, u, OP_SOFTMAX);
}

static Node *build_window(Elab *e, StageUse *u, Op op, const Argument *size)
{
    Window w = window_of(u, size);
    Node *n = stage_node(e, u, op, NULL, 1, u->in);
    n->attr.pool.window = w;
    if (!inferred(e, n))
        return NULL;
    promise_remember(e, u, u->in[0], n, &w);
    return n;
}

// Which maxima have too many places for one window, but not for one along rows and one along columns.
static bool is_done_in_two(const Window *w, Shape x)
{
    bool fits = window_outputs_h(w, x.h) >= 1 && window_outputs_w(w, x.w) >= 1 &&
                w->pad_top < w->kernel_h && w->pad_left < w->kernel_w;
    return fits && (int64_t)w->kernel_h * w->kernel_w > MAX_POOL_TAPS && w->kernel_h <= MAX_POOL_TAPS &&
           w->kernel_w <= MAX_POOL_TAPS;
}

// The first largest number of each row, then the first row that has the largest: the same number, at
// the same place, as the first in row-major order.
Node *build_max_pool(Elab *e, StageUse *u)
{
    Window w = window_of(u, use_arg(u, "size"));
    Node *x = u->in[0];
    if (!is_done_in_two(&w, x->shape))
        return build_window(e, u, OP_MAX_POOL, use_arg(u, "size"));
    Window along = w, down = w;
    along.kernel_h = along.stride_h = down.kernel_w = down.stride_w = 1;
    along.pad_top = along.pad_bottom = down.pad_left = down.pad_right = 0;
    Node *rows = stage_node(e, u, OP_MAX_POOL, "rows", 1, &x);
    rows->attr.pool.window = along;
    if (!inferred(e, rows))
        return NULL;
    Node *n = stage_node(e, u, OP_MAX_POOL, NULL, 1, &rows);
    n->attr.pool.window = down;
    if (!inferred(e, n))
        return NULL;
    promise_remember(e, u, x, n, &w);
    return n;
}

Node *build_mean_pool(Elab *e, StageUse *u)
{
    const Argument *size = use_arg(u, "size");
    if (is_decided(size))
        return build_window(e, u, OP_MEAN_POOL, size);
    Value map[2] = { value_number((double)u->in[0]->shape.h), value_number((double)u->in[0]->shape.w) };
    Argument whole = { .known = true, .value = value_list(map, 2), .at = u->at };
    return build_window(e, u, OP_MEAN_POOL, &whole);
}

Node *build_pool(Elab *e, StageUse *u)
{
    if (!strcmp(use_word(u, "kind"), "mean"))
        return build_window(e, u, OP_MEAN_POOL, use_arg(u, "size"));
    return build_max_pool(e, u);
}

Node *build_lrn(Elab *e, StageUse *u)
{
    bool within = !strcmp(use_word(u, "region"), "map"), whole = !strcmp(use_word(u, "across"), "whole");
    const Argument *size = use_arg(u, "n");
    if (size_at(size, 0) != size_at(size, 1)) {
        elab_error(e, size->at, "E310", "the window of lrn is square");
        return NULL;
    }
    if (within && whole) {
        elab_error(e, use_arg(u, "across")->at, "E310",
                   "a window in a map reads no other maps: `across` says nothing there");
        return NULL;
    }
    Node *n = stage_node(e, u, within ? OP_LRN_MAP : OP_LRN, NULL, 1, u->in);
    n->attr.lrn = (LrnAttr){ size_at(size, 0), use_real(u, "k"), use_real(u, "alpha"),
                             use_real(u, "beta"), whole ? 1 : split_shared(u->in[0]) };
    return inferred(e, n);
}

// FNV-1a: the layer's name is what its random numbers are keyed by.
static uint32_t name_key(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

Node *build_dropout(Elab *e, StageUse *u)
{
    Node *n = stage_node(e, u, OP_DROPOUT, NULL, 1, u->in);
    n->attr.dropout = (DropoutAttr){ use_real(u, "p"), !strcmp(use_word(u, "scale"), "test"),
                                     name_key(u->layer->name), 0, u->in[0]->shape.c, 0 };
    return inferred(e, n);
}

Node *build_scale(Elab *e, StageUse *u)
{
    Node *n = stage_node(e, u, OP_SCALE, NULL, 1, u->in);
    n->attr.pointwise = (PointwiseAttr){ use_real(u, "by"), use_real(u, "add") };
    return inferred(e, n);
}

Node *build_slice(Elab *e, StageUse *u)
{
    int64_t first = use_count(u, "first"), count = use_count(u, "count"), all = u->in[0]->shape.c;
    if (refuses_split(e, u))
        return NULL;
    if (first + count > all) {
        elab_error(e, u->at, "E313", "maps %lld to %lld of %lld", (long long)first,
                   (long long)(first + count - 1), (long long)all);
        return NULL;
    }
    Node *n = stage_node(e, u, OP_SLICE, NULL, 1, u->in);
    n->attr.slice = (SliceAttr){ first, count };
    return inferred(e, n);
}

Node *build_all(Elab *e, StageUse *u)
{
    if (!e->split) {
        elab_error(e, u->at, "E205", "`all` says that every part of a split sees every part; there is no "
                   "split here");
        return NULL;
    }
    if (e->split->kind == SPLIT_BATCH) {
        elab_error(e, u->at, "E213", "`all` has nothing to do here: each part of %s holds all maps of its "
                   "images", e->split->text);
        diag_note(e->diag, e->split->at, "the replicate starts here");
        diag_help(e->diag, "leave `all` out; behind the replicate every stage sees all images");
        return NULL;
    }
    if (!split_is_local(e, u->in[0]))
        return u->in[0];
    return build_simple(e, u, OP_ALL);
}

// --- several in, one out ------------------------------------------------------------------------

static Node *build_chain(Elab *e, StageUse *u, Op op)
{
    if (!split_inputs_agree(e, u))
        return NULL;
    Node *n = u->in[0];
    for (int i = 1; n && i < u->inputs; i++) {
        const char *suffix = i + 1 < u->inputs ? arena_printf(e->arena, "%d", i) : NULL;
        n = inferred(e, stage_node(e, u, op, suffix, 2, (Node *[]){ n, u->in[i] }));
    }
    return n;
}

Node *build_add(Elab *e, StageUse *u) { return build_chain(e, u, OP_ADD); }
Node *build_mul(Elab *e, StageUse *u) { return build_chain(e, u, OP_MUL); }

Node *build_concat(Elab *e, StageUse *u)
{
    if (!split_inputs_agree(e, u))
        return NULL;
    Node *n = stage_node(e, u, OP_CONCAT, NULL, u->inputs, u->in);
    int shared = split_shared(u->in[0]);
    n->attr.concat.parts = shared > 1 ? shared : 0;
    return inferred(e, n);
}

Node *build_own_op(Elab *e, StageUse *u)
{
    const Elementwise *f = split_inputs_agree(e, u) ? stage_function(e, u) : NULL;
    if (!f)
        return NULL;
    Node *n = stage_node(e, u, OP_ELEMENTWISE, NULL, u->inputs, u->in);
    n->attr.elementwise.function = f;
    return inferred(e, n);
}
