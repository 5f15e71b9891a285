// Convolutions and input gradients with stride 1 on tensor cores. All taps of a block's windows see the
// same few pixels: those, the patch, stand in shared memory for a slab of TILE_K channels, and every tap
// reads them shifted, so that they come from the L2 cache once and not once a tap. Patches of two slabs
// take turns; the filters' tiles come in a ring of STAGES. Terms go slab by slab, in a slab tap by tap.
// Pixels count through all rows and images; windows start at pixel PATCH_M(0, q, m).at and a tap lies
// PATCH_TAP(0, q, tap).at behind; the two do not meet where the tap falls beside the map.
// Holes: those of operands.cu for B and of products.cu; A B: arguments; TAPS CHANNELS of a group;
// PATCH_LINES pixels of a patch; PIXELS of the map, their distance COLUMN, ORIGIN, distance GROUP of
// groups; Result.
enum { SLABS = CHANNELS / TILE_K, STEPS = SLABS * TAPS };
static_assert(CHANNELS % TILE_K == 0 && TAPS >= STAGES - 1, "a slab is there before its first tap");

struct Patch {
    enum {
        SIZE = sizeof(ELEMENT), CHUNKS = TILE_K / EACH, PITCH = TILE_K * SIZE,
        ALL = (PATCH_LINES + 1) * CHUNKS, BYTES = ((PATCH_LINES + 1) * PITCH + 127) / 128 * 128
    };
    const ELEMENT *from;
    index first;                   // pixel of line 0

    // Chunks change places by line, as in operands.cu.
    static __device__ __forceinline__ u32 at(int line, int chunk)
    {
        return line * PITCH + (chunk ^ (CHUNKS == 4 ? line >> 1 & 3 : line & 7)) * 16;
    }

    // Line PATCH_LINES is zeros, for taps beside the map.
    __device__ __forceinline__ void copy(u32 to, int slab) const
    {
        for (int i = threadIdx.x; i < ALL; i += THREADS) {
            int line = i / CHUNKS, chunk = i % CHUNKS;
            index pixel = first + line;
            bool is_there = line < PATCH_LINES && pixel >= 0 && pixel < PIXELS;
            const ELEMENT *source = from + (is_there ? pixel * COLUMN + slab * TILE_K + chunk * EACH : 0);
            copy_async(to + at(line, chunk), source, is_there ? 16 : 0);
        }
    }
};

// The rows of A whose addresses this lane gives to ldmatrix, of all M_STEPS products of its warp.
struct Rows {
    Place at[M_STEPS];

    __device__ __forceinline__ Rows(const Job &job, const Patch &patch, int row)
    {
        UNROLL
        for (int i = 0; i < M_STEPS; i++) {
            at[i] = PATCH_M(0, job.q, job.m + row + i * 16 + threadIdx.x % 16);
            at[i].at -= patch.first;
        }
    }
};

struct Ring {
    Patch patch;
    OperandB b;
    Job job;
    u32 patches, filters;          // where they stand
    int step, tap, slab;           // of the copies that come next

    __device__ __forceinline__ void copy(void)
    {
        if (step < STEPS)
            b.copy(filters + step % STAGES * OperandB::BYTES, job.g, job.q,
                   (index)tap * CHANNELS + slab * TILE_K);
        copy_commit();
        step++;
        tap++;
        if (tap == TAPS) {
            tap = 0;
            slab++;
        }
    }

    __device__ __forceinline__ void open(const void *of_a, const void *of_b, Job of, u32 memory)
    {
        job = of;
        patches = memory;
        filters = memory + 2 * Patch::BYTES;
        step = tap = slab = 0;
        patch.from = (const ELEMENT *)of_a + ORIGIN + job.g * GROUP;
        patch.first = PATCH_M(0, job.q, job.m).at;
        b.open(of_b, job.g, job.q, job.n);
        patch.copy(patches, 0);
        UNROLL
        for (int i = 0; i < STAGES - 1; i++)
            copy();
    }

    // For step i, which is tap `now` of slab `of`: the tile of filters, and the patch in `at`, are there.
    __device__ __forceinline__ u32 next(int i, int now, int of, u32 &at)
    {
        copy_wait<STAGES - 2>();
        __syncthreads();           // all threads' copies are there, and nobody reads what is overwritten
        if (now == 0 && of + 1 < SLABS)
            patch.copy(patches + (of + 1) % 2 * Patch::BYTES, of + 1);
        copy();
        at = patches + of % 2 * Patch::BYTES;
        return filters + i % STAGES * OperandB::BYTES;
    }
};

// All terms of one tap of one slab.
INLINE void multiply_tap(float (&sum)[M_STEPS][N_STEPS][4], const Rows &rows, Place tap, u32 patch,
                         u32 filters, int column)
{
    u32 line[M_STEPS];
    UNROLL
    for (int i = 0; i < M_STEPS; i++)
        line[i] = patch + Patch::at(meet(rows.at[i], tap) ? rows.at[i].at + tap.at : PATCH_LINES,
                                    threadIdx.x % 32 / 16);
    UNROLL
    for (int k = 0; k < TILE_K; k += TERMS) {
        u32 a[M_STEPS][4];
        UNROLL
        for (int i = 0; i < M_STEPS; i++) {
            load_matrices(a[i], line[i] ^ k / EACH * 16);
            rounded<ROUND_A>(a[i]);
        }
        multiply_terms(sum, a, filters, column, k);
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
    Ring ring;
    ring.open(t[A], t[B], job, shared_address(shared));
    Rows rows(job, ring.patch, row);
    for (int slab = 0, i = 0; slab < SLABS; slab++)
        for (int tap = 0; tap < TAPS; tap++, i++) {
            u32 patch, filters = ring.next(i, tap, slab, patch);
            multiply_tap(sum, rows, PATCH_TAP(0, job.q, tap), patch, filters, column);
        }
    put_all(t, result, job, row, column, sum);
}
