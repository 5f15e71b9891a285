// Locally connected layers on GPUs: forward, input gradient, weight gradient, and the gradient of
// biases of places. In: a group of pattern LOCAL, LOCAL_WEIGHTS or PLACE_SUM; out: the heads above
// local.cu and place_sum.cu.
#include "emit/cuda/bodies.h"
#include "emit/cuda/head.h"
#include <inttypes.h>

enum { TILE = 32, HALF = TILE / 2, CHUNK = 32, THREADS = HALF * HALF, SUM_THREADS = 128 };

// The map that filters move over, the weights, and what they make of it.
typedef struct { const Node *x, *w, *y; } Local;

static Local describe(const Node *n)
{
    switch (n->op) {
    case OP_LOCAL:    return (Local){ n->in[0], n->in[1], n };
    case OP_LOCAL_DX: return (Local){ n, n->in[1], n->in[0] };
    default:          return (Local){ n->in[0], n, n->in[1] };
    }
}

// Numbers of a pixel, padding in.
static int64_t numbers_of(const Node *map) { return layout_pixel(&map->layout, map->shape); }

static bool takes(const Group *g)
{
    Local l = describe(g->root);
    const Node *all[] = { l.x, l.w, l.y };
    for (int i = 0; i < 3; i++)
        if (all[i]->layout.kind != LAYOUT_NHWC)
            return false;
    return g->root->attr.conv.groups == 1;
}

// --- the head -----------------------------------------------------------------------------------

// NAME(n, c, y, x): a number, as contractions read it.
static void print_operand(Emit *e, const Kern *k, const char *name, const Node *n)
{
    char word[HEAD_NAME];
    bool rounds = e->target->matrix == ELEMENT_TF32 && n->layout.element == ELEMENT_FLOAT;
    cuda_elements(e, name, n);
    snprintf(word, sizeof word, "%s_OF(n, c, y, x)", name);
    head_define(e, word, "%s(GET_%s(t[%d], OF_%s(n, c, y, x)))", rounds ? "round_tf32" : "", name,
                kern_find(k, n), name);
}

static void print_window(Emit *e, const Local *l, const Window *w)
{
    head_constant(e, "CHANNELS", l->x->shape.c);
    head_constant(e, "FILTERS", l->y->shape.c);
    head_constant(e, "IN_H", l->x->shape.h);
    head_constant(e, "IN_W", l->x->shape.w);
    head_constant(e, "OUT_H", l->y->shape.h);
    head_constant(e, "OUT_W", l->y->shape.w);
    head_constant(e, "KERNEL_H", w->kernel_h);
    head_constant(e, "KERNEL_W", w->kernel_w);
    head_constant(e, "STRIDE_H", w->stride_h);
    head_constant(e, "STRIDE_W", w->stride_w);
    head_constant(e, "DILATION_H", w->dilation_h);
    head_constant(e, "DILATION_W", w->dilation_w);
    head_constant(e, "PAD_TOP", w->pad_top);
    head_constant(e, "PAD_LEFT", w->pad_left);
}

// `index CHANNEL(index b)`: the channel that is number b of a pixel; -1: padding.
static void print_channel(Emit *e, const Node *map)
{
    const Layout *l = &map->layout;
    int64_t padded = 0, channel = 0;
    head_function(e, e->index, "CHANNEL", arena_printf(e->arena, "%s b", e->index));
    for (int i = 0; i < l->pieces.count; i++) {
        int64_t count = l->pieces.channels[i], end = padded + size_round_up(count, l->vector);
        fprintf(e->text, "    if (b < %" PRId64 ")\n        return b < %" PRId64 " ? b - %" PRId64 " : -1;\n",
                end, padded + count, padded - channel);
        padded = end;
        channel += count;
    }
    fprintf(e->text, "    return -1;\n}\n");
}

// The product of one job: A is m x q, B is q x n.
typedef struct {
    const char *block, *file;
    int64_t     jobs, m, n, q;
    bool        a_along_q, b_along_q;
} Product;

static void open_product(Emit *e, Kern *k, const Product *p)
{
    int64_t rows = cuda_blocks(p->m, TILE), columns = cuda_blocks(p->n, TILE);
    cuda_launch(k, p->jobs * rows * columns, 1, 1, THREADS, 0);
    k->bytes = cuda_argument_bytes(k);
    k->reason = arena_printf(e->arena, "%" PRId64 " products of %" PRId64 " x %" PRId64 " along %" PRId64
                             ", tiles of %d x %d", p->jobs, p->m, p->n, p->q, TILE, TILE);
    cuda_open(e, k, 1, p->block, "four numbers");
    head_constant(e, "TILE", TILE);
    head_constant(e, "HALF", HALF);
    head_constant(e, "CHUNK", CHUNK);
    head_constant(e, "M", p->m);
    head_constant(e, "N", p->n);
    head_constant(e, "Q", p->q);
    head_constant(e, "M_TILES", rows);
    head_constant(e, "N_TILES", columns);
    head_constant(e, "A_ALONG_Q", p->a_along_q);
    head_constant(e, "B_ALONG_Q", p->b_along_q);
    head_define(e, "A", "OWN(a)");
    head_define(e, "B", "OWN(b)");
    head_define(e, "PUT", "OWN(put)");
}

static bool print_bodies(Emit *e, const Product *p)
{
    return head_body(e, "cuda/local_places.cu") && head_body(e, p->file) && head_body(e, "cuda/local.cu");
}

// --- forward and input gradient -----------------------------------------------------------------

static const Node *result_of(const Group *g) { return g->nodes[g->count - 1]; }

static bool emit_map(Emit *e, Kern *k, const Product *p)
{
    const Node *root = k->group->root, *out = result_of(k->group);
    Local l = describe(root);
    bool forward = root->op == OP_LOCAL;
    kern_read(k, root->in[0]);
    kern_read(k, l.w);
    kern_read_operands(k);
    int result = kern_write_outputs(k);
    open_product(e, k, p);
    print_window(e, &l, &root->attr.conv.window);
    print_operand(e, k, forward ? "X" : "DY", root->in[0]);
    print_operand(e, k, "W", l.w);
    cuda_tensor(e, "RESULT", result, out);
    print_channel(e, out);
    return head_epilogue(e, k, LANES_CHANNELS) && print_bodies(e, p);
}

bool cuda_local_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes(g) && result_of(g)->layout.kind == LAYOUT_NHWC;
}

bool cuda_local_emit(Emit *e, Kern *k)
{
    Local l = describe(k->group->root);
    int64_t taps = l.w->shape.h * l.w->shape.w;
    bool forward = k->group->root->op == OP_LOCAL;
    const Node *in = forward ? l.x : l.y, *out = forward ? l.y : l.x;
    Product p = { .jobs = out->shape.h * out->shape.w, .m = out->shape.n,
                  .n = numbers_of(result_of(k->group)), .q = taps * in->shape.c, .a_along_q = true,
                  .b_along_q = forward };
    p.block = forward ? "some filters' numbers of one place" : "some channels of one pixel";
    p.file = forward ? "cuda/local_forward.cu" : "cuda/local_input.cu";
    return emit_map(e, k, &p);
}

// --- weight gradients ---------------------------------------------------------------------------

bool cuda_local_dw_takes(const Emit *e, const Group *g)
{
    (void)e;
    return takes(g);
}

bool cuda_local_dw_emit(Emit *e, Kern *k)
{
    const Node *root = k->group->root;
    Local l = describe(root);
    int64_t padding = numbers_of(l.w) - l.w->shape.c;
    Product p = { "some filters' taps of one place", "cuda/local_weights.cu", .m = l.y->shape.c,
                  .jobs = l.y->shape.h * l.y->shape.w * l.w->shape.h * l.w->shape.w,
                  .n = l.x->shape.c + padding, .q = l.x->shape.n };
    kern_read(k, l.x);
    kern_read(k, l.y);
    int result = kern_write(k, root);
    open_product(e, k, &p);
    print_window(e, &l, &root->attr.conv.window);
    print_operand(e, k, "X", l.x);
    print_operand(e, k, "DY", l.y);
    cuda_tensor(e, "RESULT", result, root);
    cuda_elements(e, "RESULT", root);
    return print_bodies(e, &p);
}

// --- biases of places -----------------------------------------------------------------------------

bool cuda_place_sum_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Layout *x = &g->root->in[0]->layout, *y = &g->root->layout;
    return x->kind == LAYOUT_NHWC && y->kind == LAYOUT_NHWC && x->vector == y->vector
        && numbers_of(g->root->in[0]) == numbers_of(g->root);
}

bool cuda_place_sum_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0];
    int64_t blocks = numbers_of(n) / n->layout.vector, count = blocks * n->shape.h * n->shape.w;
    int ax = kern_read(k, x), ay = kern_write(k, n);
    cuda_launch(k, cuda_blocks(count, SUM_THREADS), 1, 1, SUM_THREADS, 0);
    k->bytes = cuda_argument_bytes(k);
    k->reason = "every pixel is read once, in the order of the images";
    cuda_open(e, k, n->layout.vector, "neighbouring pixels", "some channels of one pixel");
    head_constant(e, "COUNT", count);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "N", x->shape.n);
    head_constant(e, "H", x->shape.h);
    head_constant(e, "W", x->shape.w);
    cuda_tensor(e, "X", ax, x);
    cuda_tensor(e, "Y", ay, n);
    return head_body(e, "cuda/place_sum.cu");
}
