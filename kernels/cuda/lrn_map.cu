// Normalisation over SIZE x SIZE pixels of the same map, y = x * d^-beta, or its input gradient
//     dx_i = dy_i * d_i^-beta - 2 * alpha * beta * x_i * sum over near j of dy_j * x_j * d_j^-beta / d_j
// A block makes TILE_W pixels of one row, TILE_BLOCKS blocks of channels: a thread V channels of a pixel.
// Squares of each column, and for the gradient the terms of one row after the other, are summed from top to
// bottom by the threads in turns and stand in shared memory for their neighbours to add up.
// Holes: ROW_TILES CHANNEL_TILES, how many tiles make a row; BLOCKS of a pixel, H W HALF IS_GRADIENT; K ALPHA
// SLOPE; POWER(d); X Y and their AT, LOAD, STORE; DY and its AT, LOAD; EPILOGUE.
enum { SQUARE_COLUMNS = TILE_W + (IS_GRADIENT ? 4 : 2) * HALF };

extern __shared__ __align__(16) float squares[];             // SQUARE_COLUMNS pixels, then the terms

INLINE index least(index a, index b) { return a < b ? a : b; }
INLINE index most(index a, index b) { return a > b ? a : b; }

// Pixels first .. end - 1 of a row; pixel p of block `block` of the tile stands at `of` in `row`.
struct Run {
    float *row;
    index first, end;
    __device__ __forceinline__ float *of(index p, index block) const
    {
        return row + ((p - first) * TILE_BLOCKS + block) * V;
    }
    // The sum over the pixels near p.
    __device__ __forceinline__ real near(index p, index block) const
    {
        real sum = R0;
        for (index q = most(p - HALF, first); q <= least(p + HALF, end - 1); q++)
            sum = sum + load_floats<V>(of(q, block));
        return sum;
    }
};

INLINE Run run_around(float *row, index start, index reach)
{
    return { row, most(start - reach, 0), least(start + TILE_W + reach, W) };
}

// What a turn of a thread is about.
#define EACH_OF(run, p, block)                                                                      \
    for (index turn = threadIdx.x, p, block;                                                        \
         p = (run).first + turn / TILE_BLOCKS, block = turn % TILE_BLOCKS, p < (run).end; turn += THREADS)

// Every column's sum of squares over the rows near `row`.
INLINE void sum_columns(const void *x, index n, index first_block, index row, Run to)
{
    index last = least(row + HALF, H - 1);
    EACH_OF(to, p, block) {
        real sum = R0;
        for (index i = most(row - HALF, 0); first_block + block < BLOCKS && i <= last; i++) {
            real v = LOAD_X(x, AT_X(n, first_block + block, i, p));
            sum = sum + v * v;
        }
        store_floats<V>(to.of(p, block), sum);
    }
}

INLINE real denominator(Run sums, index p, index block)
{
    return real(K) + real(ALPHA) * sums.near(p, block);
}

#if IS_GRADIENT
// The terms of row `row`.
INLINE void leave_terms(void *const *t, index n, index first_block, index row, Run sums, Run terms)
{
    EACH_OF(terms, p, block) {
        index b = first_block + block;
        if (b >= BLOCKS)
            continue;
        real d = denominator(sums, p, block);
        real term = LOAD_DY(t[DY], AT_DY(n, b, row, p)) * POWER(d) * LOAD_X(t[X], AT_X(n, b, row, p)) / d;
        store_floats<V>(terms.of(p, block), term);
    }
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    index first_block = blockIdx.x % CHANNEL_TILES * TILE_BLOCKS;
    index start = blockIdx.x / CHANNEL_TILES % ROW_TILES * TILE_W;
    index y = blockIdx.x / (CHANNEL_TILES * ROW_TILES) % H, n = blockIdx.x / (CHANNEL_TILES * ROW_TILES * H);
    index x = start + threadIdx.x / TILE_BLOCKS, block = threadIdx.x % TILE_BLOCKS, b = first_block + block;
    bool works = threadIdx.x < TILE_W * TILE_BLOCKS && x < W && b < BLOCKS;
    Run sums = run_around(squares, start, IS_GRADIENT ? 2 * HALF : HALF);
#if IS_GRADIENT
    Run terms = run_around(squares + SQUARE_COLUMNS * TILE_BLOCKS * V, start, HALF);
    real first = R0, sum = R0;
    for (index row = most(y - HALF, 0); row <= least(y + HALF, H - 1); row++) {
        sum_columns(t[X], n, first_block, row, sums);
        __syncthreads();
        leave_terms(t, n, first_block, row, sums, terms);
        if (works && row == y)
            first = LOAD_DY(t[DY], AT_DY(n, b, y, x)) * POWER(denominator(sums, x, block));
        __syncthreads();
        if (works)
            sum = sum + terms.near(x, block);
    }
    if (!works)
        return;
    real v = first - real(SLOPE) * LOAD_X(t[X], AT_X(n, b, y, x)) * sum;
#else
    sum_columns(t[X], n, first_block, y, sums);
    __syncthreads();
    if (!works)
        return;
    real v = LOAD_X(t[X], AT_X(n, b, y, x)) * POWER(denominator(sums, x, block));
#endif
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
}
