// Contractions in full float precision, by ordinary multiply-adds. The threads of a warp stand 4 x 8; each
// makes pairs of neighbouring rows, 8 apart, of pairs of neighbouring columns, 16 apart.
// Holes: those of operands.cu; A B: arguments; Result; RowSums.
enum { ROWS_EACH = WARP_M / 4, COLUMNS_EACH = WARP_N / 8, WARPS_M = TILE_M / WARP_M, TERMS = 4 };

// Two neighbouring rows (columns) of an operand, TERMS terms from k on.
template <class OPERAND, bool ALONG_K> INLINE void load_pair(float (&to)[2][TERMS], u32 tile, int row, int k)
{
    UNROLL
    for (int i = 0; i < 2 && ALONG_K; i++)
        load_shared_4(to[i], tile + OPERAND::at(row + i, k / TERMS));
    UNROLL
    for (int i = 0; i < TERMS && !ALONG_K; i++) {
        float pair[2];
        load_shared_2(pair, tile + (k + i) * OPERAND::PITCH + row * 4);
        to[0][i] = pair[0];
        to[1][i] = pair[1];
    }
}

// Four steps side by side hide what loads take; of more ptxas holds all addresses at once, and spills.
INLINE void multiply_tile(float (&sum)[ROWS_EACH][COLUMNS_EACH], u32 tile, int row, int column)
{
    _Pragma("unroll 4")
    for (int k = 0; k < TILE_K; k += TERMS) {
        float a[2][TERMS], b[COLUMNS_EACH / 2][2][TERMS];
        UNROLL
        for (int j = 0; j < COLUMNS_EACH / 2; j++)
            load_pair<OperandB, B_ALONG_K>(b[j], tile + OperandA::BYTES, column + j * 16, k);
        UNROLL
        for (int i = 0; i < ROWS_EACH; i++) {
            if (i % 2 == 0)
                load_pair<OperandA, A_ALONG_K>(a, tile, row + i * 4, k);
            UNROLL
            for (int term = 0; term < TERMS; term++)
                UNROLL
                for (int j = 0; j < COLUMNS_EACH; j++)
                    sum[i][j] = fmaf(a[i % 2][term], b[j / 2][j % 2][term], sum[i][j]);
        }
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
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = warp % WARPS_M * WARP_M + lane / 8 * 2, column = warp / WARPS_M * WARP_N + lane % 8 * 2;
    float sum[ROWS_EACH][COLUMNS_EACH] = {};
    Stages stages;
    int tiles = stages.open(t[A], t[B], job, shared_address(shared));
    RowSums sums;
    for (int i = 0; i < tiles; i++) {
        u32 tile = stages.next();
        multiply_tile(sum, tile, row, column);
        sums.add(job, tile);
    }
    sums.put(t, job);
    UNROLL
    for (int i = 0; i < ROWS_EACH; i++) {
        index m = job.m + row + i / 2 * 8 + i % 2;
        UNROLL
        for (int j = 0; j < COLUMNS_EACH; j += 2) {
            real v;
            v.v[0] = sum[i][j];
            v.v[1] = sum[i][j + 1];
            index n = job.n + column + j * 8;
            if (m < M(job.q) && n < N)
                result.put(t, job, m, n, v);
        }
    }
}
