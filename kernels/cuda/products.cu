// Products on tensor cores, in TF32 and bf16, from tiles in shared memory. A thread of a warp holds, of every
// 16 x 8 products, rows lane / 4 and 8 below, columns lane % 4 * 2 and its neighbour.
// Holes: those of operands.cu; ROUND_A ROUND_B: floats to be rounded to TF32; Result.
enum {
    EACH = OperandB::EACH, TERMS = 2 * EACH,               // of one product
    M_STEPS = WARP_M / 16, N_STEPS = WARP_N / 8, WARPS_M = TILE_M / WARP_M
};

template <bool ROUND, int COUNT> INLINE void rounded(u32 (&x)[COUNT])
{
    UNROLL
    for (int i = 0; i < COUNT && ROUND; i++)
        x[i] = __float_as_uint(round_tf32(__uint_as_float(x[i])));
}

// Columns `column` to 15 further on: two registers for the first eight, two for the others.
INLINE void load_b(u32 (&to)[4], u32 tile, int column, int k)
{
    int lane = threadIdx.x % 32;
    if (B_ALONG_K) {
        load_matrices(to, tile + OperandB::at(column + lane % 8 + lane / 16 * 8, k / EACH + lane / 8 % 2));
    } else if (EACH == 8) {
        load_matrices_transposed(to, tile + OperandB::at(k + lane % 16, column / 8 + lane / 16));
    } else {
        u32 at = tile + (k + lane % 4) * OperandB::PITCH + (column + lane / 4) * 4;
        to[0] = load_shared(at);
        to[1] = load_shared(at + 4 * OperandB::PITCH);
        to[2] = load_shared(at + 8 * 4);
        to[3] = load_shared(at + 4 * OperandB::PITCH + 8 * 4);
    }
    rounded<ROUND_B>(to);
}

INLINE void multiply(float (&sum)[4], const u32 *a, const u32 *b)
{
    if (EACH == 8)
        multiply_bf16(sum, a, b);
    else
        multiply_tf32(sum, a, b);
}

// TERMS terms from k on: `a` against those of the tile of B.
INLINE void multiply_terms(float (&sum)[M_STEPS][N_STEPS][4], const u32 (&a)[M_STEPS][4], u32 tile_b,
                           int column, int k)
{
    u32 b[N_STEPS / 2][4];
    UNROLL
    for (int j = 0; j < N_STEPS / 2; j++)
        load_b(b[j], tile_b, column + j * 16, k);
    UNROLL
    for (int i = 0; i < M_STEPS; i++)
        UNROLL
        for (int j = 0; j < N_STEPS; j++)
            multiply(sum[i][j], a[i], b[j / 2] + j % 2 * 2);
}

// What a warp has made, from row, column of the block on.
INLINE void put_all(void *const *t, const Result &result, const Job &job, int row, int column,
                    const float (&sum)[M_STEPS][N_STEPS][4])
{
    int lane = threadIdx.x % 32;
    UNROLL
    for (int i = 0; i < M_STEPS * 2; i++) {
        index m = job.m + row + i * 8 + lane / 4;
        UNROLL
        for (int j = 0; j < N_STEPS; j++) {
            real v;
            v.v[0] = sum[i / 2][j][i % 2 * 2];
            v.v[1] = sum[i / 2][j][i % 2 * 2 + 1];
            index n = job.n + column + j * 8 + lane % 4 * 2;
            if (m < M(job.q) && n < N)
                result.put(t, job, m, n, v);
        }
    }
}
