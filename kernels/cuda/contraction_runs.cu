// Convolutions over an image of few channels, whose taps of a row stand side by side in runs, on tensor
// cores. All that a block's windows see is one stretch of the image: the patch, which stands in shared
// memory as it does in the image, is copied once and serves all taps. The filters' tiles come in a ring
// of STAGES.
// Holes: those of operands.cu for B and of products.cu; A B: arguments; PATCH_M(0, q, m): where windows
// start; RUN_CHUNKS 16-byte chunks of a run, RUNS of a window, RUN_ROW elements apart; PATCH_CHUNKS of a
// patch; IMAGE_CHUNKS of the image; SKEW: a mask; Result.
enum {
    STEPS = (RUNS * RUN_CHUNKS * EACH + TILE_K - 1) / TILE_K,
    PATCH_BYTES = (PATCH_CHUNKS * 16 + 127) / 128 * 128
};

// Where chunk i of the patch stands: chunks change places, so that those of eight neighbouring windows, which
// ldmatrix reads at once, are in different banks.
INLINE u32 place_of(u32 i) { return i ^ (i >> 3 & SKEW); }

struct Ring {
    OperandB b;
    Job job;
    u32 filters;                   // where they stand
    int step;                      // of the copy that comes next

    __device__ __forceinline__ void copy(void)
    {
        if (step < STEPS)
            b.copy(filters + step % STAGES * OperandB::BYTES, job.g, job.q, (index)step * TILE_K);
        copy_commit();
        step++;
    }

    __device__ __forceinline__ void open(const void *of_a, const void *of_b, Job of, index first, u32 memory)
    {
        job = of;
        filters = memory + PATCH_BYTES;
        step = 0;
        b.open(of_b, job.g, job.q, job.n);
        for (int i = threadIdx.x; i < PATCH_CHUNKS; i += THREADS) {
            index chunk = first / EACH + i;
            bool is_there = chunk < IMAGE_CHUNKS;
            const ELEMENT *from = (const ELEMENT *)of_a + (is_there ? chunk * EACH : 0);
            copy_async(memory + place_of(i) * 16, from, is_there ? 16 : 0);
        }
        UNROLL
        for (int i = 0; i < STAGES - 1; i++)
            copy();
    }

    // The tile of filters for step i; the patch is there, too.
    __device__ __forceinline__ u32 next(int i)
    {
        copy_wait<STAGES - 2>();
        __syncthreads();           // all threads' copies are there, and nobody reads what is overwritten
        copy();
        return filters + i % STAGES * OperandB::BYTES;
    }
};

// Chunk i of a window, from where the window starts. What is behind the last meets filters of zeros.
INLINE u32 chunk_of_window(int i)
{
    return i < RUNS * RUN_CHUNKS ? i / RUN_CHUNKS * (RUN_ROW / EACH) + i % RUN_CHUNKS : 0;
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
    index first = PATCH_M(0, job.q, job.m).at;
    u32 patch = shared_address(shared);
    Ring ring;
    ring.open(t[A], t[B], job, first, patch);
    u32 window[M_STEPS];           // first chunks of the rows whose addresses this lane gives to ldmatrix
    UNROLL
    for (int i = 0; i < M_STEPS; i++) {
        index m = job.m + row + i * 16 + threadIdx.x % 16;
        window[i] = m < M(job.q) ? (u32)(PATCH_M(0, job.q, m).at - first) / EACH : 0;
    }
    float sum[M_STEPS][N_STEPS][4] = {};
    for (int step = 0; step < STEPS; step++) {
        u32 filters = ring.next(step);
        UNROLL
        for (int k = 0; k < TILE_K; k += TERMS) {
            u32 a[M_STEPS][4], chunk = chunk_of_window((step * TILE_K + k) / EACH + threadIdx.x % 32 / 16);
            UNROLL
            for (int i = 0; i < M_STEPS; i++) {
                load_matrices(a[i], patch + place_of(window[i] + chunk) * 16);
                rounded<ROUND_A>(a[i]);
            }
            multiply_terms(sum, a, filters, column, k);
        }
    }
    put_all(t, result, job, row, column, sum);
}
