// Fully connected layers on GPUs: forward, input gradient, weight gradient stored or applied at once, as
// matrix products. In: a group rooted at fc, fc_dx or fc_dw; out: a Contraction.
#include "emit/cuda/contraction.h"
#include "emit/cuda/places.h"
#include <string.h>

typedef struct {
    const Node *x, *w, *y;         // input, weights, output; in gradients the gradients of them
    int64_t features, outputs;     // padding in
    int64_t m, k;                  // rows of the result, terms of its sums
} Fc;

static bool is_flat(const Node *n) { return n->shape.h * n->shape.w == 1; }

static bool same_pieces(const Pieces *a, const Pieces *b)
{
    return a->count == b->count && !memcmp(a->channels, b->channels, (size_t)a->count * sizeof *a->channels);
}

// True if feature f of an image stands in the same place in both when the pixels of the map it came from
// stand side by side; without `b`: at f.
static bool same_places(const Node *a, const Node *b, int64_t features)
{
    Layout l = layout_compact(a->layout), other = b ? layout_compact(b->layout) : l;
    if (b && is_flat(a) && is_flat(b) && l.in_h == other.in_h && l.in_w == other.in_w
        && l.vector == other.vector && same_pieces(&l.pieces, &other.pieces))
        return true;
    for (int64_t f = 0; f < features; f++) {
        int64_t wanted = b ? layout_address(&other, b->shape, 0, f, 0, 0) : f;
        if (layout_address(&l, a->shape, 0, f, 0, 0) != wanted)
            return false;
    }
    return true;
}

static bool describe(const Emit *e, Fc *c, const Group *g)
{
    const Node *n = g->root, *out = contraction_output(g);
    c->x = n->op == OP_FC_DX ? n : n->in[0];
    c->w = n->op == OP_FC_DW ? n : n->in[1];
    c->y = n->op == OP_FC ? n : n->op == OP_FC_DX ? n->in[0] : n->in[1];
    int vector = e->target->vector;
    if (!contraction_reads(e, n->in[0]) || !contraction_reads(e, n->in[1]) || out->layout.kind != LAYOUT_NHWC
        || n->attr.conv.groups > 1 || c->x->layout.vector != vector || c->y->layout.vector != vector
        || c->w->layout.vector != vector)
        return false;
    c->features = layout_item(&c->w->layout, c->w->shape);
    c->outputs = size_round_up(c->w->shape.n, vector);
    return same_places(c->x, c->w, c->w->shape.c) && same_places(c->y, NULL, c->w->shape.n)
        && layout_rows(&c->x->layout, c->x->shape) * vector == c->features;
}

// --- maps ---------------------------------------------------------------------------------------

// One pixel an image.
static void print_sizes(Emit *e, const void *of)
{
    const Fc *c = of;
    static const char *const ones[] = { "CLASSES", "ROW_CLASSES", "COLUMN_CLASSES", "ROWS(q)", "COLUMNS(q)" };
    for (int i = 0; i < 5; i++)
        head_constant(e, ones[i], 1);
    head_constant(e, "M(q)", c->m);
    head_constant(e, "K(q)", c->k);
}

static void print_forward(Emit *e, const void *of)
{
    const Fc *c = of;
    Strides x = strides_of(c->x);
    map_rows(e, "A_M", c->x->shape.n, x.item, 0, false);
    map_features(e, "A_K", c->features, &x, true);
    map_rows(e, "B_N", c->w->shape.n, c->features, 0, false);
    map_rows(e, "B_K", c->features, 1, 0, true);
}

static void print_input_gradient(Emit *e, const void *of)
{
    const Fc *c = of;
    map_rows(e, "A_M", c->y->shape.n, strides_of(c->y).item, 0, false);
    map_rows(e, "A_K", c->outputs, 1, 0, true);
    map_rows(e, "B_N", c->features, 1, 0, false);
    map_rows(e, "B_K", c->w->shape.n, c->features, 0, true);
}

static void print_weight_gradient(Emit *e, const void *of)
{
    const Fc *c = of;
    Strides x = strides_of(c->x);
    map_rows(e, "A_M", c->w->shape.n, 1, 0, false);
    map_rows(e, "A_K", c->x->shape.n, strides_of(c->y).item, 0, true);
    map_features(e, "B_N", c->features, &x, false);
    map_rows(e, "B_K", c->x->shape.n, x.item, 0, true);
}

// --- bodies -------------------------------------------------------------------------------------

static Contraction contraction_of(const Fc *c)
{
    return (Contraction){ .classes = 1, .bits = 32, .of = c, .run = c->features, .run_used = c->features,
                          .sizes = print_sizes, .problem = { .m = c->m, .k = c->k, .groups = 1 } };
}

// What cuBLAS would make of it: features stand side by side, no output is padding.
static LibraryProduct product_of(const Emit *e, const Fc *c, bool forward)
{
    Strides x = strides_of(c->x);
    int64_t a_row = forward ? x.item : strides_of(c->y).item;
    bool fits = x.column == x.pixel && c->outputs == c->w->shape.n && a_row <= INT32_MAX
                && c->features <= INT32_MAX;
    if (!fits)
        return (LibraryProduct){ 0 };
    return (LibraryProduct){ .m = (int)c->m, .n = (int)(forward ? c->outputs : c->features),
                      .k = (int)(forward ? c->features : c->outputs), .a_row = (int)a_row,
                      .b_row = (int)c->features, .b_along_n = !forward, .element = e->target->matrix };
}

bool cuda_fc_takes(const Emit *e, const Group *g)
{
    Fc c;
    return (g->root->op == OP_FC || g->root->op == OP_FC_DX) && describe(e, &c, g);
}

bool cuda_fc_emit(Emit *e, Kern *k)
{
    Fc c;
    if (!describe(e, &c, k->group))
        return false;
    bool forward = k->group->root->op == OP_FC;
    c.m = c.x->shape.n;
    c.k = forward ? c.features : c.outputs;
    Contraction of = contraction_of(&c);
    of.a = forward ? c.x : c.y;
    of.b = c.w;
    of.result = RESULT_MAP;
    of.maps = forward ? print_forward : print_input_gradient;
    of.what = forward ? "images x outputs" : "images x features";
    of.problem.n = forward ? c.outputs : c.features;
    of.problem.a_along_k = true;
    of.product = product_of(e, &c, forward);
    of.problem.b_along_k = forward;
    return contraction_emit(e, k, &of);
}

bool cuda_fc_dw_takes(const Emit *e, const Group *g)
{
    Fc c;
    return describe(e, &c, g);
}

bool cuda_fc_dw_emit(Emit *e, Kern *k)
{
    Fc c;
    if (!describe(e, &c, k->group))
        return false;
    c.m = c.w->shape.n;
    c.k = c.x->shape.n;
    Contraction of = contraction_of(&c);
    of.a = c.y;
    of.b = c.x;
    of.result = contraction_update(k->group, k->group->root) ? RESULT_UPDATE : RESULT_WEIGHTS;
    of.sum_rows = c.outputs;
    of.maps = print_weight_gradient;
    of.what = "outputs x features";
    of.problem.n = c.features;
    return contraction_emit(e, k, &of);
}

bool cuda_fc_update_takes(const Emit *e, const Group *g) { return cuda_fc_dw_takes(e, g); }
bool cuda_fc_update_emit(Emit *e, Kern *k) { return cuda_fc_dw_emit(e, k); }
