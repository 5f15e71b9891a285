// Heads of local response normalisation within maps, and of its gradient, on GPUs.
#include "emit/cuda/maps.h"

enum { MOST_BLOCKS = 8 };      // of channels a tile: 128 bytes of a pixel and more

// What a block makes of one row: a thread for each vector of `lanes` channels.
typedef struct { int64_t columns, blocks; int lanes; } Tile;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool is_gradient(const Node *n) { return n->op == OP_LRN_MAP_DX; }

// A window larger than the map sees no more than all of it.
static int64_t half_of(const Node *n)
{
    int64_t side = n->shape.h > n->shape.w ? n->shape.h : n->shape.w;
    return least(n->attr.lrn.size / 2, side - 1);
}

static int64_t shared_bytes(const Node *n, const Tile *t)
{
    int64_t reach = half_of(n), columns = t->columns + 2 * reach;
    if (is_gradient(n))
        columns += t->columns + 4 * reach;
    return columns * t->blocks * t->lanes * (int64_t)sizeof(float);
}

// The widest vectors and most channels that fit; blocks 0: nothing does.
static Tile choose_row_tile(const Node *n)
{
    for (int lanes = n->layout.vector; lanes >= 1; lanes = lanes > 1 ? 1 : 0)
        for (int64_t blocks = least(cuda_map_blocks(n, lanes), MOST_BLOCKS); blocks >= 1; blocks--) {
            Tile t = { least(n->shape.w, MAP_THREADS / blocks), blocks, lanes };
            if (shared_bytes(n, &t) <= CUDA_SHARED_BYTES)
                return t;
        }
    return (Tile){ 0 };
}

bool cuda_lrn_map_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return (n->op == OP_LRN_MAP || n->op == OP_LRN_MAP_DX) && cuda_is_map(n)
        && cuda_same_blocks(n, n->in[0]) && cuda_same_blocks(n, n->in[n->inputs - 1])
        && choose_row_tile(n).blocks > 0;
}

static void print_tile(Emit *e, const Node *n, const Tile *t)
{
    int64_t blocks = cuda_map_blocks(n, t->lanes);
    head_constant(e, "H", n->shape.h);
    head_constant(e, "W", n->shape.w);
    head_constant(e, "BLOCKS", blocks);
    head_constant(e, "HALF", half_of(n));
    head_constant(e, "IS_GRADIENT", is_gradient(n));
    head_constant(e, "TILE_W", t->columns);
    head_constant(e, "TILE_BLOCKS", t->blocks);
    head_constant(e, "ROW_TILES", cuda_blocks(n->shape.w, (int)t->columns));
    head_constant(e, "CHANNEL_TILES", cuda_blocks(blocks, (int)t->blocks));
}

bool cuda_lrn_map_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[n->inputs - 1];
    Tile t = choose_row_tile(n);
    int dy = kern_read(k, n->in[0]), ax = kern_read(k, x);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    int64_t tiles = cuda_blocks(n->shape.w, (int)t.columns)
                    * cuda_blocks(cuda_map_blocks(n, t.lanes), (int)t.blocks);
    cuda_launch(k, n->shape.n * n->shape.h * tiles, 1, 1, MAP_THREADS, shared_bytes(n, &t));
    k->bytes = cuda_argument_bytes(k);
    k->reason = "row by row: columns are summed once for all windows of a row";
    cuda_map_open(e, k, t.lanes, "some pixels of one row, some channels", "some channels of one pixel");
    print_tile(e, n, &t);
    cuda_lrn_numbers(e, &n->attr.lrn);
    cuda_tensor(e, "X", ax, x);
    cuda_tensor(e, "DY", dy, n->in[0]);
    cuda_tensor(e, "Y", y, group_result(k->group));
    return head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cuda/lrn_map.cu");
}
