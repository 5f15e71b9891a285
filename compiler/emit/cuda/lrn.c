// Heads of local response normalisation across channels and of its gradient on GPUs.
#include "emit/cuda/maps.h"
#include <float.h>

// Wider windows would fill the registers with neighbours: they are summed channel by channel.
enum { MOST_NEAR = 4 };

// d^-1/2 in registers, by one instruction. d is at least k, which is no subnormal number.
static bool has_fast_root(const LrnAttr *a)
{
    return (a->beta == 0.75 || a->beta == 0.5) && a->k >= FLT_MIN;
}

// POWER(d) = d^-beta: roots where there are some, else by exp and log. INVERSE(d) = 1 / d, from the
// root that POWER takes anyway.
static void print_power(Emit *e, const LrnAttr *a)
{
    char text[HEAD_FLOAT];
    head_function(e, "real", "POWER", "real d");
    if (a->beta == 1)
        fprintf(e->text, "    return R1 / d;\n}\n");
    else if (!has_fast_root(a))
        fprintf(e->text, "    return r_exp(r_const(%s) * r_log(d));\n}\n", head_float(text, -a->beta));
    else if (a->beta == 0.75)
        fprintf(e->text, "    real r = r_rsqrt_fast(d);\n    return r * r_sqrt_fast(r);\n}\n");
    else
        fprintf(e->text, "    return r_rsqrt_fast(d);\n}\n");
    head_function(e, "real", "INVERSE", "real d");
    if (has_fast_root(a))
        fprintf(e->text, "    real r = r_rsqrt_fast(d);\n    return r * r;\n}\n");
    else
        fprintf(e->text, "    return R1 / d;\n}\n");
}

void cuda_lrn_numbers(Emit *e, const LrnAttr *a)
{
    head_real(e, "K", a->k);
    head_real(e, "ALPHA", a->alpha);
    head_real(e, "SLOPE", 2 * a->alpha * a->beta);
    print_power(e, a);
}

static int64_t parts_of(const Node *n) { return n->attr.lrn.parts > 1 ? n->attr.lrn.parts : 1; }

// The channels of every part are whole blocks (the last of a single part may be padded).
static bool parts_are_blocks(const Node *n)
{
    return blocks_are_runs(&n->layout)
        && (parts_of(n) == 1 || n->shape.c / parts_of(n) % n->layout.vector == 0);
}

// A window of half the map's channels sees no more than all of them.
static int64_t half_of(const Node *n)
{
    int64_t half = n->attr.lrn.size / 2;
    return half < n->shape.c ? half : n->shape.c - 1;
}

LrnWalk cuda_lrn_walk(const Node *n)
{
    int vector = n->layout.vector;
    int64_t near = (half_of(n) + vector - 1) / vector;
    if (parts_are_blocks(n) && near <= MOST_NEAR)
        return (LrnWalk){ true, vector, near };
    int64_t slots = cuda_map_blocks(n, 1), side = half_of(n) + slots - n->shape.c;
    return (LrnWalk){ false, 1, side < slots ? side : slots - 1 };
}

// SLOT(0, c, 0, 0): where channel c stands in a pixel.
static void print_slot(Emit *e, const Node *n)
{
    Node pixel = *n;
    pixel.shape.n = pixel.shape.h = pixel.shape.w = 1;
    pixel.layout.top = pixel.layout.left = pixel.layout.bottom = pixel.layout.right = 0;
    pixel.layout.item_stride = pixel.layout.pixel_stride = 0;
    pixel.layout.in_h = pixel.layout.in_w = 1;
    head_element(e, "SLOT", &pixel);
}

bool cuda_lrn_near(Emit *e, const Node *n, const Node *x, int arg)
{
    LrnWalk walk = cuda_lrn_walk(n);
    int64_t blocks = cuda_map_blocks(n, walk.lanes);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    cuda_lrn_numbers(e, &n->attr.lrn);
    head_constant(e, "HALF", half_of(n));
    cuda_tensor(e, "X", arg, x);
    if (walk.is_blocks) {
        head_constant(e, "PART_BLOCKS", blocks / parts_of(n));
        head_constant(e, "NEAR", walk.near);
        return head_body(e, "cuda/lrn_blocks.cu");
    }
    head_constant(e, "PART_CHANNELS", n->shape.c / parts_of(n));
    head_channel(e, "CHANNEL", n);
    head_lanes(e, "LANES_AT", n, LANES_CHANNELS);
    print_slot(e, n);
    return head_body(e, "cuda/lrn_slots.cu");
}

// --- bodies -------------------------------------------------------------------------------------

bool cuda_lrn_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return n->op == OP_LRN && cuda_is_map(n) && cuda_same_blocks(n, n->in[0]);
}

bool cuda_lrn_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    LrnWalk walk = cuda_lrn_walk(n);
    int x = kern_read(k, n->in[0]);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    cuda_launch_vectors(k, n, walk.lanes, MAP_THREADS, 0);
    k->reason = "one pass; neighbouring threads read what a window sees beside its own channels";
    cuda_map_open(e, k, walk.lanes, "neighbouring pixels", "some channels of one pixel");
    head_constant(e, "COUNT", cuda_vectors(n, walk.lanes));
    cuda_tensor(e, "Y", y, group_result(k->group));
    return cuda_lrn_near(e, n, n->in[0], x) && head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, "cuda/lrn.cu");
}

// A block of whole pixels needs no terms of its neighbours'.
static int dx_threads(const Node *n, const LrnWalk *walk)
{
    int64_t blocks = cuda_map_blocks(n, walk->lanes);
    for (int threads = MAP_THREADS; threads <= 2 * MAP_THREADS; threads += 32)
        if (threads % blocks == 0)
            return threads;
    return MAP_THREADS;
}

// Vectors before and behind a block's own whose terms it needs.
static int64_t dx_side(const Node *n, const LrnWalk *walk)
{
    return dx_threads(n, walk) % cuda_map_blocks(n, walk->lanes) ? walk->near : 0;
}

static int64_t dx_shared(const Node *n, const LrnWalk *walk)
{
    return (dx_threads(n, walk) + 2 * dx_side(n, walk)) * walk->lanes * (int64_t)sizeof(float);
}

bool cuda_lrn_dx_fits(const Node *n)
{
    LrnWalk walk = cuda_lrn_walk(n);
    return dx_shared(n, &walk) <= CUDA_SHARED_BYTES;
}

void cuda_lrn_dx_launch(Kern *k, const Node *n)
{
    LrnWalk walk = cuda_lrn_walk(n);
    cuda_launch_vectors(k, n, walk.lanes, dx_threads(n, &walk), dx_shared(n, &walk));
}

bool cuda_lrn_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return n->op == OP_LRN_DX && cuda_is_map(n) && cuda_same_blocks(n, n->in[0])
        && cuda_same_blocks(n, n->in[1]) && cuda_lrn_dx_fits(n);
}

bool cuda_lrn_dx(Emit *e, const Kern *k, const Node *n)
{
    const Node *x = n->in[1], *out = group_result(k->group);
    LrnWalk walk = cuda_lrn_walk(n);
    head_constant(e, "COUNT", cuda_vectors(n, walk.lanes));
    head_constant(e, "SIDE", dx_side(n, &walk));
    cuda_tensor(e, "Y", kern_find(k, out), out);
    return cuda_lrn_near(e, n, x, kern_find(k, x)) && head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, "cuda/lrn_dx.cu");
}

bool cuda_lrn_dx_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    LrnWalk walk = cuda_lrn_walk(n);
    int dy = kern_read(k, n->in[0]);
    kern_read(k, n->in[1]);
    kern_read_operands(k);
    kern_write_outputs(k);
    cuda_lrn_dx_launch(k, n);
    k->reason = "d is computed again: nothing is kept from the forward pass";
    cuda_map_open(e, k, walk.lanes, "neighbouring pixels", "some channels of one pixel");
    cuda_tensor(e, "DY", dy, n->in[0]);
    head_define(e, "GRADIENT(t, n, b, y, x)", "LOAD_DY((t)[DY], AT_DY(n, b, y, x))");
    return cuda_lrn_dx(e, k, n);
}
