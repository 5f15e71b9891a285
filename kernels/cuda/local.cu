// Locally connected layers: for each of JOBS, small products A (M rows) x B (N columns) along Q of
// numbers that the head finds. A block makes TILE rows x TILE columns of one job, a thread four of
// them: rows and columns that lie HALF apart, so that a warp reads neighbouring columns.
// Holes: TILE HALF CHUNK; M N Q, M_TILES N_TILES; A_ALONG_Q B_ALONG_Q: whether neighbours along Q lie
// side by side in memory; A(t, job, m, q), B(t, job, n, q): numbers, 0 beyond the map; PUT(t, job, m,
// n, v).
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    __shared__ float a[CHUNK][TILE + 1], b[CHUNK][TILE + 1];
    index block = blockIdx.x, job = block / (M_TILES * N_TILES);
    index first_m = block / N_TILES % M_TILES * TILE, first_n = block % N_TILES * TILE;
    int row = threadIdx.x / HALF, column = threadIdx.x % HALF;
    float sum[2][2] = { { 0, 0 }, { 0, 0 } };
    for (index first = 0; first < Q; first += CHUNK) {
        for (int i = threadIdx.x; i < TILE * CHUNK; i += THREADS) {
            int m = A_ALONG_Q ? i / CHUNK : i % TILE, qa = A_ALONG_Q ? i % CHUNK : i / TILE;
            int n = B_ALONG_Q ? i / CHUNK : i % TILE, qb = B_ALONG_Q ? i % CHUNK : i / TILE;
            a[qa][m] = first_m + m < M && first + qa < Q ? A(t, job, first_m + m, first + qa) : 0.0f;
            b[qb][n] = first_n + n < N && first + qb < Q ? B(t, job, first_n + n, first + qb) : 0.0f;
        }
        __syncthreads();
        UNROLL
        for (int q = 0; q < CHUNK; q++)
            for (int i = 0; i < 2; i++)
                for (int j = 0; j < 2; j++)
                    sum[i][j] += a[q][row + i * HALF] * b[q][column + j * HALF];
        __syncthreads();
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            index m = first_m + row + i * HALF, n = first_n + column + j * HALF;
            if (m < M && n < N)
                PUT(t, job, m, n, sum[i][j]);
        }
}
