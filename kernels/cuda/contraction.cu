// Contractions on tensor cores, both operands tile by tile.
// Holes: those of stages.cu and products.cu; A B: arguments; Result; RowSums.

// Rows `row` to 15 below, terms from k on. Half of the registers hold the rows 8 below, half the later terms.
INLINE void load_a(u32 (&to)[4], u32 tile, int row, int k)
{
    int lane = threadIdx.x % 32;
    if (A_ALONG_K) {
        load_matrices(to, tile + OperandA::at(row + lane % 16, k / EACH + lane / 16));
    } else if (EACH == 8) {
        int term = k + lane % 8 + lane / 16 * 8;
        load_matrices_transposed(to, tile + OperandA::at(term, row / 8 + lane / 8 % 2));
    } else {
        u32 at = tile + (k + lane % 4) * OperandA::PITCH + (row + lane / 4) * 4;
        to[0] = load_shared(at);
        to[1] = load_shared(at + 8 * 4);
        to[2] = load_shared(at + 4 * OperandA::PITCH);
        to[3] = load_shared(at + 4 * OperandA::PITCH + 8 * 4);
    }
    rounded<ROUND_A>(to);
}

// All terms of a tile that stands in shared memory.
INLINE void multiply_tile(float (&sum)[M_STEPS][N_STEPS][4], u32 tile, int row, int column)
{
    UNROLL
    for (int k = 0; k < TILE_K; k += TERMS) {
        u32 a[M_STEPS][4];
        UNROLL
        for (int i = 0; i < M_STEPS; i++)
            load_a(a[i], tile, row + i * 16, k);
        multiply_terms(sum, a, tile + OperandA::BYTES, column, k);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) KERNEL(PARAMETERS)
{
    TENSORS;
    extern __shared__ __align__(128) u32 shared[];
    Job job = job_of_block();
    Result result(t);
    if (job.m >= M(job.q) || result.is_unwanted())
        return;
    int warp = threadIdx.x / 32, row = warp % WARPS_M * WARP_M, column = warp / WARPS_M * WARP_N;
    float sum[M_STEPS][N_STEPS][4] = {};
    Stages stages;
    int tiles = stages.open(t[A], t[B], job, shared_address(shared));
    RowSums sums;
    for (int i = 0; i < tiles; i++) {
        u32 tile = stages.next();
        multiply_tile(sum, tile, row, column);
        sums.add(job, tile);
    }
    sums.put(t, job);
    put_all(t, result, job, row, column, sum);
}
