// Contractions of any shape and layout, through the address of every single number. In: a group
// rooted at conv, fc or one of their gradients; out: the heads above any_*.c. A fully connected
// layer is a 1x1 convolution over a 1x1 map whose channels are the features.
#include "emit/cpu/contraction.h"
#include <inttypes.h>

static bool is_fc(const Node *n) { return n->op == OP_FC || n->op == OP_FC_DX || n->op == OP_FC_DW; }

static Window window_of(const Node *n)
{
    if (!is_fc(n))
        return n->attr.conv.window;
    return (Window){ .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1,
                     .dilation_w = 1 };
}

static int groups_of(const Node *n) { return n->attr.conv.groups > 1 ? n->attr.conv.groups : 1; }

// --- the head -----------------------------------------------------------------------------------

// Lines of a function that turn channel `c` into its padded index.
static void print_padded(Emit *e, const char *c, const Pieces *p, int vector)
{
    int64_t channel = 0;
    for (int i = 0; i + 1 < p->count; i++) {
        channel += p->channels[i];
        int64_t pad = size_round_up(p->channels[i], vector) - p->channels[i];
        if (pad)
            fprintf(e->text, "    long %s%d = %s >= %" PRId64 " ? %" PRId64 " : 0;\n", c, i, c, channel,
                    pad);
    }
    fprintf(e->text, "    %s += 0", c);
    for (int i = 0; i + 1 < p->count; i++)
        if (p->channels[i] % vector)
            fprintf(e->text, " + %s%d", c, i);
    fprintf(e->text, ";\n");
}

// `long NAME(long k, long c, long r, long s)`: where weight (k, c, r, s) stands.
static void print_weight(Emit *e, const char *name, const Node *w)
{
    const Layout *l = &w->layout;
    Shape s = w->shape;
    int64_t out = layout_item(l, s) * l->vector;
    head_function(e, "long", name, "long k, long c, long r, long s");
    print_padded(e, "k", &l->pieces_out, l->vector);
    if (l->kind == LAYOUT_DENSE) {
        int64_t area = l->in_h > 0 && l->in_w > 0 ? (int64_t)l->in_h * l->in_w : 1;
        fprintf(e->text, "    long pixel = c %% %" PRId64 ";\n    c /= %" PRId64 ";\n", area, area);
        print_padded(e, "c", &l->pieces, l->vector);
        fprintf(e->text, "    return k / V * %" PRId64 "L + ((c / V * %" PRId64 " + pixel) * V + c %% V)"
                " * V + k %% V + 0 * (r + s);\n}\n", out, area);
    } else if (l->kind == LAYOUT_FILTERS) {
        print_padded(e, "c", &l->pieces, l->vector);
        fprintf(e->text, "    return k / V * %" PRId64 "L + (((c / V * %" PRId64 " + r) * %" PRId64
                " + s) * V + c %% V) * V + k %% V;\n}\n", out, s.h, s.w);
    } else {
        fprintf(e->text, "    return k / V * %" PRId64 "L + ((c * %" PRId64 " + r) * %" PRId64
                " + s) * V + k %% V;\n}\n", out, s.h, s.w);
    }
}

// Weights of an input gradient that come flipped: the same function over the FLIP node's values.
static void print_flipped(Emit *e, const Node *flip)
{
    print_weight(e, "FLIPPED", flip);
    head_function(e, "long", "W", "long k, long c, long r, long s");
    fprintf(e->text, "    return FLIPPED(k / GROUP_OUT * GROUP_IN + c, k %% GROUP_OUT, KERNEL_H - 1 - r,"
            " KERNEL_W - 1 - s);\n}\n");
}

// `in` and `out`: channels of the input and of the output of the forward convolution.
static void print_window(Emit *e, const Node *n, int64_t in, int64_t out)
{
    Window w = window_of(n);
    head_constant(e, "GROUP_IN", in / groups_of(n));
    head_constant(e, "GROUP_OUT", out / groups_of(n));
    head_constant(e, "KERNEL_H", w.kernel_h);
    head_constant(e, "KERNEL_W", w.kernel_w);
    head_constant(e, "STRIDE_H", w.stride_h);
    head_constant(e, "STRIDE_W", w.stride_w);
    head_constant(e, "DILATION_H", w.dilation_h);
    head_constant(e, "DILATION_W", w.dilation_w);
    head_constant(e, "PAD_TOP", w.pad_top);
    head_constant(e, "PAD_LEFT", w.pad_left);
}

// --- forward and input gradient -----------------------------------------------------------------

bool contraction_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Layout *y = &group_result(g)->layout;
    return layout_is_weights(&g->root->in[1]->layout)
           && (y->kind == LAYOUT_BLOCKED || y->kind == LAYOUT_PANEL || y->kind == LAYOUT_COLUMNS);
}

bool contraction_any_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0], *w = n->in[1], *y = group_result(k->group);
    bool forward = n->op == OP_CONV || n->op == OP_FC;
    int64_t step = y->layout.kind == LAYOUT_COLUMNS ? y->layout.vector : 1;
    k->item_kind = y->layout.kind == LAYOUT_BLOCKED ? ITEMS_IMAGES : ITEMS_JOBS;
    k->items = (y->shape.n + step - 1) / step;
    k->bytes = node_bytes(x) + node_bytes(w) + node_bytes(y);
    k->reason = "no tile fits its channels, groups or halo: one number at a time";
    contraction_open(e, k, "an image (or as many as a vector holds)");
    head_element(e, "X", x);
    head_element(e, "Y", y);
    head_address(e, "Y_ROW", y);
    if (!contraction_epilogue(e, k, layout_lanes(&y->layout)))
        return false;
    print_window(e, n, forward ? x->shape.c : y->shape.c, forward ? y->shape.c : x->shape.c);
    head_constant(e, "IMAGES", y->shape.n);
    head_constant(e, "STEP", step);
    head_constant(e, "OUT_CHANNELS", y->shape.c);
    head_constant(e, "OUT_H", y->shape.h);
    head_constant(e, "OUT_W", y->shape.w);
    head_constant(e, "IN_H", x->shape.h);
    head_constant(e, "IN_W", x->shape.w);
    head_constant(e, "ROWS", layout_rows(&y->layout, y->shape));
    if (w->op == OP_FLIP)
        print_flipped(e, w);
    else
        print_weight(e, "W", w);
    head_define(e, "SUM", "OWN(sum)");
    return head_body(e, forward ? "cpu/any_forward.c" : "cpu/any_gradient.c")
           && head_body(e, "cpu/any_image.c");
}

// --- weight gradients ---------------------------------------------------------------------------

static bool takes_weights(const Group *g) { return layout_is_weights(&g->root->layout); }

bool weights_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes_weights(g);
}

bool fc_weights_any_takes(const Emit *e, const Group *g) { return weights_any_takes(e, g); }

bool fc_update_any_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes_weights(g) && g->count == 2 && g->nodes[1]->op == OP_SGD
           && layout_equal(&g->root->layout, &g->nodes[1]->in[0]->layout);
}

static bool emit_weights(Emit *e, Kern *k, const Node *sgd)
{
    const Node *n = k->group->root, *x = n->in[0], *dy = n->in[1];
    k->item_kind = ITEMS_JOBS;
    k->items = layout_blocks(&n->layout.pieces_out, n->shape.n, n->layout.vector);
    k->bytes = node_bytes(x) + node_bytes(dy) + (sgd ? 4 : 1) * node_bytes(n);
    k->reason = "no tile fits its channels, groups or halo: one number at a time";
    int ax = kern_read(k, x), ay = kern_read(k, dy), state = sgd ? kern_read_state(k) : 0;
    int aw = sgd ? kern_write_param(k, sgd->in[0]) : kern_write(k, n);
    int av = sgd ? kern_write_velocity(k, sgd->in[0]) : aw;
    head_open(e, k, "the filters of a block of outputs");
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_DY", ay);
    head_constant(e, "ARG_STATE", state);
    head_constant(e, "ARG_W", aw);
    head_constant(e, "ARG_V", av);
    head_constant(e, "IS_UPDATE", sgd != NULL);
    head_constant(e, "PARAM", sgd ? sgd->attr.update.param : 0);
    head_constant(e, "RULE", sgd ? sgd->attr.update.rule : 0);
    head_element(e, "X", x);
    head_element(e, "Y", dy);
    print_window(e, n, x->shape.c, dy->shape.c);
    head_constant(e, "IMAGES", x->shape.n);
    head_constant(e, "OUT_CHANNELS", dy->shape.c);
    head_constant(e, "OUT_H", dy->shape.h);
    head_constant(e, "OUT_W", dy->shape.w);
    head_constant(e, "IN_H", x->shape.h);
    head_constant(e, "IN_W", x->shape.w);
    head_constant(e, "W_OUT", layout_item(&n->layout, n->shape) * n->layout.vector);
    print_weight(e, "W", n);
    return head_body(e, "cpu/any_weights.c");
}

bool weights_any_emit(Emit *e, Kern *k) { return emit_weights(e, k, NULL); }
bool fc_weights_any_emit(Emit *e, Kern *k) { return emit_weights(e, k, NULL); }
bool fc_update_any_emit(Emit *e, Kern *k) { return emit_weights(e, k, k->group->nodes[1]); }
