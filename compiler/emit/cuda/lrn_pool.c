// Heads of normalisation with the max pooling behind it, and of both gradients in one pass, on GPUs.
#include "emit/cuda/maps.h"
#include <assert.h>

// Blocks that keep the memory of a large GPU busy: strips are as high as leaves so many.
enum { WANTED_BLOCKS = 512 };

// What a block makes: pooled rows and columns, blocks of channels. Tiles overlap where windows do, and
// tiles of channels where normalisation looks beyond them: `again` is how often the map is read.
typedef struct {
    int64_t rows, columns, blocks;
    double  again;
} Tile;

static const Node *second_of(const Group *g) { return g->nodes[g->prologue_count + 1]; }

static int64_t ceil_div(int64_t a, int64_t b)
{
    assert(b > 0);
    return (a + b - 1) / b;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Pixels of a side that `outputs` neighbouring windows see.
static int64_t seen(int64_t outputs, int kernel, int stride, int64_t size)
{
    return least((outputs - 1) * stride + kernel, size);
}

// Pixels of a side that all tiles of `each` outputs see together.
static int64_t seen_by_tiles(int64_t outputs, int64_t each, int kernel, int stride, int pad, int64_t size)
{
    int64_t sum = 0;
    for (int64_t first = 0; first < outputs; first += each) {
        int64_t last = least(first + each, outputs) - 1;
        sum += least(last * stride - pad + kernel, size) - most(first * stride - pad, 0);
    }
    return sum;
}

static int64_t ring_bytes(const Node *pool, const Tile *t, int lanes)
{
    const Window *w = &pool->attr.pool.window;
    return w->kernel_h * seen(t->columns, w->kernel_w, w->stride_w, pool->in[0]->shape.w) * t->blocks * lanes
           * (int64_t)sizeof(float);
}

// Columns and channels: the tiles that fit and read the least twice; the fewer ones of equals.
static Tile choose_width(const Node *lrn, const Node *pool)
{
    LrnWalk walk = cuda_lrn_walk(lrn);
    const Window *w = &pool->attr.pool.window;
    int64_t blocks = cuda_map_blocks(lrn, walk.lanes);
    Tile best = { 0 };
    for (int64_t across = 1; across <= pool->shape.w; across++)
        for (int64_t tiles = 1; tiles <= blocks; tiles++) {
            Tile t = { 1, ceil_div(pool->shape.w, across), ceil_div(blocks, tiles), 0 };
            if (ring_bytes(pool, &t, walk.lanes) > CUDA_SHARED_BYTES)
                continue;
            t.again = (double)seen_by_tiles(pool->shape.w, t.columns, w->kernel_w, w->stride_w, w->pad_left,
                                            lrn->shape.w) / (double)lrn->shape.w
                      * (double)(blocks + 2 * (tiles - 1) * walk.near) / (double)blocks;
            if (!best.blocks || t.again < best.again)
                best = t;
            break;                                           // more tiles read more twice
        }
    return best;
}

// blocks 0: not even one window of one block fits.
static Tile choose_tile_of(const Node *lrn, const Node *pool)
{
    const Window *w = &pool->attr.pool.window;
    Tile t = choose_width(lrn, pool);
    if (!t.blocks)
        return t;
    int64_t blocks = cuda_map_blocks(lrn, cuda_lrn_walk(lrn).lanes);
    int64_t strips = ceil_div(WANTED_BLOCKS, lrn->shape.n * ceil_div(pool->shape.w, t.columns)
                                             * ceil_div(blocks, t.blocks));
    t.rows = ceil_div(pool->shape.h, least(strips, pool->shape.h));
    t.again *= (double)seen_by_tiles(pool->shape.h, t.rows, w->kernel_h, w->stride_h, w->pad_top,
                                     lrn->shape.h) / (double)lrn->shape.h;
    return t;
}

bool cuda_lrn_pool_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *lrn = g->root, *pool = second_of(g);
    return cuda_is_map(lrn) && cuda_same_blocks(lrn, lrn->in[0]) && cuda_same_blocks(lrn, pool)
        && (!pool->places || cuda_places_fit(pool)) && choose_tile_of(lrn, pool).blocks > 0;
}

static void print_tiles(Emit *e, const Node *lrn, const Node *pool, const Tile *t)
{
    const Window *w = &pool->attr.pool.window;
    head_constant(e, "OUT_ROWS", t->rows);
    head_constant(e, "OUT_COLUMNS", t->columns);
    head_constant(e, "TILE_BLOCKS", t->blocks);
    head_constant(e, "TILE_W", seen(t->columns, w->kernel_w, w->stride_w, lrn->shape.w));
    head_constant(e, "STRIPS", ceil_div(pool->shape.h, t->rows));
    head_constant(e, "COLUMN_TILES", ceil_div(pool->shape.w, t->columns));
    head_constant(e, "CHANNEL_TILES", ceil_div(cuda_map_blocks(lrn, e->lanes), t->blocks));
}

bool cuda_lrn_pool_emit(Emit *e, Kern *k)
{
    const Node *lrn = k->group->root, *x = lrn->in[0], *pool = second_of(k->group);
    int lanes = cuda_lrn_walk(lrn).lanes, in = kern_read(k, x);
    Tile t = choose_tile_of(lrn, pool);
    kern_read_operands(k);
    if (pool->places)
        kern_write_places(k, pool);
    int y = kern_write_outputs(k);
    assert(t.rows > 0 && t.columns > 0 && t.blocks > 0);
    int64_t tiles = ceil_div(pool->shape.h, t.rows) * ceil_div(pool->shape.w, t.columns)
                    * ceil_div(cuda_map_blocks(lrn, lanes), t.blocks);
    cuda_launch(k, lrn->shape.n * tiles, 1, 1, MAP_THREADS, ring_bytes(pool, &t, lanes));
    k->bytes = cuda_argument_bytes(k) + (int64_t)((t.again - 1) * (double)cuda_bytes(x));
    k->reason = "normalised rows stay in a ring in shared memory";
    cuda_map_open(e, k, lanes, "a tile of pooled rows of one image", "some channels of its pixels, in turns");
    print_tiles(e, lrn, pool, &t);
    cuda_tensor(e, "Y", y, group_result(k->group));
    return cuda_pool_window(e, k, pool) && cuda_lrn_near(e, lrn, x, in)
        && head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cuda/lrn_pool.cu");
}

// --- gradients ----------------------------------------------------------------------------------

bool cuda_pool_lrn_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *pool = g->root, *lrn = second_of(g);
    return cuda_is_map(lrn) && cuda_same_blocks(lrn, pool->in[0]) && cuda_same_blocks(lrn, pool->forward)
        && cuda_same_blocks(lrn, lrn->in[1]) && cuda_places_fit(pool) && cuda_lrn_dx_fits(lrn);
}

bool cuda_pool_lrn_dx_emit(Emit *e, Kern *k)
{
    const Node *pool = k->group->root, *lrn = second_of(k->group);
    int lanes = cuda_lrn_walk(lrn).lanes;
    cuda_pool_read(k, pool);
    kern_read(k, lrn->in[1]);
    kern_read_operands(k);
    kern_write_outputs(k);
    cuda_lrn_dx_launch(k, lrn);
    k->reason = "the gradient of the normalised map is gathered where it is needed";
    cuda_map_open(e, k, lanes, "neighbouring pixels", "some channels of one pixel");
    head_define(e, "GRADIENT(t, n, b, y, x)", "pool_gather(t, n, b, y, x)");
    return cuda_pool_gather(e, k, pool) && cuda_lrn_dx(e, k, lrn);
}
