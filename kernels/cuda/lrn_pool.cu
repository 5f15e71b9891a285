// Normalisation across channels, then max pooling: the normalised map is never stored. A block makes a
// tile of one pooled image: OUT_ROWS rows, OUT_COLUMNS columns, TILE_BLOCKS blocks of channels. For every
// pooled row its threads normalise the rows that its windows are the first to see into a ring of KERNEL_H
// rows of TILE_W pixels in shared memory, V channels a turn; then each makes V channels of pooled pixels.
// Holes: STRIPS COLUMN_TILES CHANNEL_TILES, how many tiles make an image; BLOCKS of a pixel; OUT_H OUT_W
// STRIDE_H STRIDE_W PAD_TOP PAD_LEFT HAS_PLACES and those of pool_window.cu; those of lrn_blocks.cu or
// lrn_slots.cu; POWER(d); X Y and their AT, LOAD, STORE; PLACES AT_PLACES; EPILOGUE.
enum { TURNS = 2 };

extern __shared__ __align__(16) float ring[];

INLINE index least(index a, index b) { return a < b ? a : b; }
INLINE index most(index a, index b) { return a > b ? a : b; }

// Where block `block` of the tile's channels stands in the ring; `column` counts from the tile's first.
INLINE float *ring_at(index row, index column, index block)
{
    return ring + ((row % KERNEL_H * TILE_W + column) * TILE_BLOCKS + block) * V;
}

// The taps of the window whose first is at row y0 of the map, column x0 of the tile.
struct RingTaps {
    index block, y0, x0;
    __device__ __forceinline__ real at(index i, index j) const
    {
        return load_floats<V>(ring_at(y0 + i, x0 + j, block));
    }
};

struct Tile { index n, first_block, first_out_row, first_out_column, first_column, end_column; };

INLINE Tile tile_at(index i)
{
    Tile a;
    a.first_block = i % CHANNEL_TILES * TILE_BLOCKS;
    a.first_out_column = i / CHANNEL_TILES % COLUMN_TILES * OUT_COLUMNS;
    a.first_out_row = i / (CHANNEL_TILES * COLUMN_TILES) % STRIPS * OUT_ROWS;
    a.n = i / (CHANNEL_TILES * COLUMN_TILES * STRIPS);
    index last = least(a.first_out_column + OUT_COLUMNS, OUT_W) - 1;
    a.first_column = most(a.first_out_column * STRIDE_W - PAD_LEFT, 0);
    a.end_column = least(last * STRIDE_W - PAD_LEFT + KERNEL_W, W);
    return a;
}

// Rows first .. end - 1 of the map, TURNS vectors of a thread at a time, so that their loads are under way
// together. Beyond the tile its last is read once more and not stored.
INLINE void normalise_rows(const void *x, Tile a, index first, index end)
{
    index columns = a.end_column - a.first_column, blocks = least(BLOCKS - a.first_block, TILE_BLOCKS);
    for (index i = threadIdx.x; i < (end - first) * (TILE_W * TILE_BLOCKS); i += TURNS * THREADS) {
        real v[TURNS];
        float *to[TURNS];
        UNROLL
        for (int u = 0; u < TURNS; u++) {
            index turn = i + u * THREADS, block = turn % TILE_BLOCKS, column = turn / TILE_BLOCKS % TILE_W;
            index row = first + turn / (TILE_W * TILE_BLOCKS);
            bool is_there = block < blocks && column < columns && row < end;
            block = least(block, blocks - 1);
            column = least(column, columns - 1);
            row = least(row, end - 1);
            real own, d = lrn_denominator(x, a.n, a.first_block + block, row, a.first_column + column, &own);
            v[u] = own * POWER(d);
            to[u] = is_there ? ring_at(row, column, block) : nullptr;
        }
        UNROLL
        for (int u = 0; u < TURNS; u++)
            if (to[u])
                store_floats<V>(to[u], v[u]);
    }
}

INLINE void pool_row(void *const *t, Tile a, index y)
{
    for (index i = threadIdx.x; i < OUT_COLUMNS * TILE_BLOCKS; i += THREADS) {
        index block = i % TILE_BLOCKS, b = a.first_block + block, x = a.first_out_column + i / TILE_BLOCKS;
        if (b >= BLOCKS || x >= OUT_W)
            continue;
        index y0 = y * STRIDE_H - PAD_TOP, x0 = x * STRIDE_W - PAD_LEFT;
        RingTaps taps = { block, y0, x0 - a.first_column };
        Places<V> place;
        real v = pool_window(taps, clip_window(y0, x0), &place);
#if HAS_PLACES
        r_store_places(t[PLACES], AT_PLACES(a.n, b, y, x), place);
#endif
        STORE_Y(t[Y], AT_Y(a.n, b, y, x), EPILOGUE(t, v, a.n, b, y, x));
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    Tile a = tile_at(blockIdx.x);
    index done = 0;                                          // rows before this one are in the ring, or past
    for (index y = a.first_out_row; y < least(a.first_out_row + OUT_ROWS, OUT_H); y++) {
        index end = least(y * STRIDE_H - PAD_TOP + KERNEL_H, H);
        normalise_rows(t[X], a, most(y * STRIDE_H - PAD_TOP, done), end);
        done = end;
        __syncthreads();
        pool_row(t, a, y);
        __syncthreads();
    }
}
