// The sums of A's rows over all terms: the gradient of a bias, from tiles that the gradient of the weights
// needs anyway. Blocks of the first columns make them; a thread adds up a row of floats, or two neighbouring
// rows of bf16, in the order of the terms.
// Holes: those of operands.cu, A not along k; SUM_ROWS of a group, padding in; put_sum.
struct RowSums {
    enum {
        SIDE = 4 / OperandA::SIZE, RUNS = TILE_M / SIDE, MINE = (RUNS + THREADS - 1) / THREADS
    };
    static_assert(!A_ALONG_K, "neighbouring threads read neighbouring rows");
    float sum[MINE][SIDE] = {};

    static __device__ __forceinline__ int row(int i) { return (threadIdx.x + i * THREADS) * SIDE; }

    __device__ __forceinline__ void add(const Job &job, u32 tile)
    {
        UNROLL
        for (int i = 0; i < MINE && job.n == 0; i++)
            for (int k = 0; k < TILE_K && row(i) < TILE_M; k++) {
                u32 at = tile + OperandA::at(k, row(i) / OperandA::EACH)
                         + row(i) % OperandA::EACH * OperandA::SIZE;
                u32 x = load_shared(at);
                sum[i][0] += SIDE == 1 ? __uint_as_float(x) : __uint_as_float(x << 16);
                sum[i][SIDE - 1] += SIDE == 1 ? 0 : __uint_as_float(x & 0xffff0000);
            }
    }

    __device__ __forceinline__ void put(void *const *t, const Job &job) const
    {
        UNROLL
        for (int i = 0; i < MINE * SIDE && job.n == 0; i++) {
            int r = row(i / SIDE) + i % SIDE;
            index m = job.m + r;
            if (r < TILE_M && m < SUM_ROWS)
                put_sum(t, job.z, job.g * SUM_ROWS + m, sum[i / SIDE][i % SIDE]);
        }
    }
};
