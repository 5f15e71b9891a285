// Heads of local response normalisation, across channels or within maps, and of its gradients;
// alone or with the max pooling that stands behind it in nets of its time.
#include "emit/cpu/maps.h"
#include <inttypes.h>

// --- pieces of heads ----------------------------------------------------------------------------

// POWER(d) = d^-beta: roots where there are some, else by exp and log.
static void print_power(Emit *e, double beta)
{
    head_function(e, "real", "POWER", "real d");
    char text[HEAD_FLOAT];
    if (beta == 0.75)
        fprintf(e->text, "    real r = R1 / r_sqrt(d);\n    return r * r_sqrt(r);\n}\n");
    else if (beta == 0.5)
        fprintf(e->text, "    return R1 / r_sqrt(d);\n}\n");
    else if (beta == 1)
        fprintf(e->text, "    return R1 / d;\n}\n");
    else
        fprintf(e->text, "    return r_exp(r_const(%s) * r_log(d));\n}\n", head_float(text, -beta));
}

// INVERSE(d) = 1 / d, from the root that POWER takes anyway where there is one.
static void print_inverse(Emit *e, double beta)
{
    head_function(e, "real", "INVERSE", "real d");
    if (beta == 0.75 || beta == 0.5)
        fprintf(e->text, "    real r = R1 / r_sqrt(d);\n    return r * r;\n}\n");
    else
        fprintf(e->text, "    return R1 / d;\n}\n");
}

// Blocks on either side that a window of `half` channels reaches into.
static int near_blocks(int half, int vector) { return (half + vector - 1) / vector; }

// SUM_NEAR(s): for every lane of s[0] the sum over the lanes `half` before to `half` behind it.
static void print_sum_near(Emit *e, int half, int vector)
{
    head_function(e, "real", "SUM_NEAR", "const real *s");
    fprintf(e->text, "    real sum = s[0];\n");
    for (int i = -half; i <= half; i++) {
        int block = i >= 0 ? i / vector : -near_blocks(-i, vector), lane = i - block * vector;
        if (i && lane)
            fprintf(e->text, "    sum += r_lanes_from(s[%d], s[%d], %d);\n", block, block + 1, lane);
        else if (i)
            fprintf(e->text, "    sum += s[%d];\n", block);
    }
    fprintf(e->text, "    return sum;\n}\n");
}

static void print_numbers(Emit *e, const LrnAttr *a)
{
    head_real(e, "K", a->k);
    head_real(e, "ALPHA", a->alpha);
    head_real(e, "SLOPE", 2 * a->alpha * a->beta);
    print_power(e, a->beta);
    print_inverse(e, a->beta);
}

static int64_t parts_of(const Node *n) { return n->attr.lrn.parts > 1 ? n->attr.lrn.parts : 1; }

// The channels of every part are whole blocks (the last of a single part may be padded).
static bool parts_are_blocks(const Node *n)
{
    return blocks_are_runs(&n->layout)
        && (parts_of(n) == 1 || n->shape.c / parts_of(n) % n->layout.vector == 0);
}

// PADDED(0, c, 0, 0): the padded index of channel c.
static void print_padded(Emit *e, const Node *n)
{
    Node line = *n;
    line.shape.n = line.shape.h = line.shape.w = 1;
    line.layout.top = line.layout.left = line.layout.bottom = line.layout.right = 0;
    line.layout.item_stride = 0;
    head_element(e, "PADDED", &line);
}

// What lrn_row and lrn_dx_row share: the constants of the way channels are walked.
static void print_channels(Emit *e, const Node *n, const Node *x)
{
    int half = n->attr.lrn.size / 2, v = n->layout.vector;
    head_constant(e, "BLOCKS", map_blocks(n));
    if (parts_are_blocks(n)) {
        head_constant(e, "PARTS", parts_of(n));
        head_constant(e, "PART_BLOCKS", map_blocks(n) / parts_of(n));
        // A window wider than a part sees all of it: blocks beyond the edge hold zeros.
        head_constant(e, "NEAR", near_blocks(half, v));
        print_sum_near(e, half, v);
        head_address(e, "AT_X", x);
        return;
    }
    head_constant(e, "C", n->shape.c);
    head_constant(e, "PART_CHANNELS", n->shape.c / parts_of(n));
    head_constant(e, "HALF", half);
    head_element(e, "ELEMENT_X", x);
    print_padded(e, n);
}

bool lrn_row(Emit *e, const Node *n)
{
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    head_constant(e, "SPAN", n->shape.w);
    print_numbers(e, &n->attr.lrn);
    print_channels(e, n, n->in[0]);
    return head_body(e, parts_are_blocks(n) ? "cpu/lrn_row.c" : "cpu/lrn_row_any.c");
}

bool lrn_dx_row(Emit *e, const Node *n)
{
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    print_numbers(e, &n->attr.lrn);
    print_channels(e, n, n->in[1]);
    return head_body(e, parts_are_blocks(n) ? "cpu/lrn_dx_row.c" : "cpu/lrn_dx_row_any.c");
}

// --- normalisation alone ------------------------------------------------------------------------

static bool is_blocked(const Node *n) { return n->layout.kind == LAYOUT_BLOCKED; }

static bool inputs_are_blocked(const Node *n)
{
    return is_blocked(n) && is_blocked(n->in[0]) && (n->inputs < 2 || is_blocked(n->in[1]));
}

static int64_t row_bytes(const Node *n, int64_t pixels)
{
    return map_blocks(n) * pixels * n->layout.vector * (int64_t)sizeof(float);
}

bool lrn_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->op == OP_LRN && inputs_are_blocked(g->root);
}

bool lrn_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *out = group_result(k->group);
    int x = kern_read(k, n->in[0]);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    map_items(k, n);
    k->scratch = row_bytes(n, n->shape.w);
    k->reason = "all channels of a row together, so that squares are made once";
    head_open(e, k, "one image");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_Y", y);
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, LANES_CHANNELS) && lrn_row(e, n) && head_body(e, "cpu/lrn.c");
}

bool lrn_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    return g->root->op == OP_LRN_DX && inputs_are_blocked(g->root);
}

bool lrn_dx_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *out = group_result(k->group);
    int dy = kern_read(k, n->in[0]), x = kern_read(k, n->in[1]);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    map_items(k, n);
    k->reason = "d is computed again: nothing is kept from the forward pass";
    head_open(e, k, "one image");
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_Y", y);
    head_address(e, "AT_DY", n->in[0]);
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, LANES_CHANNELS) && lrn_dx_row(e, n) && head_body(e, "cpu/lrn_dx.c");
}

// --- with max pooling ---------------------------------------------------------------------------

static const Node *pool_of(const Group *g) { return g->nodes[1]; }

bool lrn_pool_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Window *w = &pool_of(g)->attr.pool.window;
    return inputs_are_blocked(g->root) && is_blocked(pool_of(g)) && w->kernel_h * w->kernel_w <= 256;
}

bool lrn_pool_emit(Emit *e, Kern *k)
{
    const Node *lrn = k->group->root, *pool = pool_of(k->group);
    int x = kern_read(k, lrn->in[0]);
    kern_read_operands(k);
    if (pool->places)
        kern_write_places(k, pool);
    kern_write_outputs(k);
    map_items(k, lrn);
    k->scratch = row_bytes(lrn, lrn->shape.w) * pool->attr.pool.window.kernel_h;
    k->reason = "normalised rows stay in a ring in the cache";
    head_open(e, k, "one image");
    head_constant(e, "ARG_X", x);
    return lrn_row(e, lrn) && pool_row(e, k, pool, group_result(k->group))
        && head_body(e, "cpu/lrn_pool.c");
}

bool pool_lrn_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *pool = g->root, *lrn = g->nodes[1];
    const Window *w = &pool->attr.pool.window;
    return is_blocked(pool->in[0]) && is_blocked(lrn) && is_blocked(lrn->in[1])
        && w->kernel_h * w->kernel_w <= 256;
}

bool pool_lrn_dx_emit(Emit *e, Kern *k)
{
    const Node *pool = k->group->root, *lrn = k->group->nodes[1], *out = group_result(k->group);
    kern_read(k, pool->in[0]);
    kern_read_places(k, pool->forward);
    int x = kern_read(k, lrn->in[1]);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    map_items(k, lrn);
    k->scratch = row_bytes(lrn, pool_dx_span(pool));
    k->reason = "the gradient between pooling and normalisation is a row in the cache";
    head_open(e, k, "one image");
    head_constant(e, "ARG_X", x);
    head_constant(e, "ARG_Y", y);
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, LANES_CHANNELS) && pool_dx_row(e, k, pool) && lrn_dx_row(e, lrn)
        && head_body(e, "cpu/pool_lrn_dx.c");
}

// --- within maps --------------------------------------------------------------------------------

bool lrn_map_takes(const Emit *e, const Group *g)
{
    (void)e;
    return (g->root->op == OP_LRN_MAP || g->root->op == OP_LRN_MAP_DX) && inputs_are_blocked(g->root);
}

bool lrn_map_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[n->inputs - 1], *out = group_result(k->group);
    bool is_gradient = n->op == OP_LRN_MAP_DX;
    int dy = kern_read(k, n->in[0]), ax = kern_read(k, x);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    map_items(k, n);
    k->scratch = is_gradient ? 2 * n->shape.h * row_bytes(n, n->shape.w) / map_blocks(n) : 0;
    k->reason = "map by map";
    head_open(e, k, "one image");
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    head_constant(e, "BLOCKS", map_blocks(n));
    head_constant(e, "HALF", n->attr.lrn.size / 2);
    print_numbers(e, &n->attr.lrn);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_Y", y);
    head_address(e, "AT_DY", n->in[0]);
    head_address(e, "AT_X", x);
    head_address(e, "AT_Y", out);
    return head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, is_gradient ? "cpu/lrn_map_dx.c" : "cpu/lrn_map.c");
}
