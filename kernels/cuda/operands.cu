// The operands of a contraction on their way to shared memory; contraction.cu and contraction_fma.cu
// multiply what stands there. D[m][n] = sum over k of A[m][k] * B[n][k], for GROUPS groups of channels g,
// and CLASSES classes q of outputs that see the same taps (an input gradient with a stride).
// A block makes TILE_M x TILE_N of D, a warp of it WARP_M x WARP_N; a tile of TILE_K terms of both
// operands is one stage, and STAGES of them are under way. With SPLIT > 1 so many blocks share the terms.
// Holes: these; ELEMENT; A_ALONG_K, B_ALONG_K: 16 bytes run along k, else along m (n); A_M A_K B_N B_K:
// places; M(q) N K(q); M_TILES N_TILES; SWIZZLE.
typedef Place PlaceOf(int g, int q, index i);

// SPAN rows (columns) of an operand. A line is what stands side by side in shared memory: TILE_K terms of
// a row, or one term of all rows; every thread copies one 16-byte chunk of every APART-th line.
// Lines of floats along rows are longer by 8, so that the four lines a warp reads meet no bank twice;
// in all others chunks change places by line (ldmatrix reads eight lines at once).
template <int SPAN, bool ALONG_K, PlaceOf ACROSS, PlaceOf ALONG> struct Operand {
    enum {
        SIZE = sizeof(ELEMENT), EACH = 16 / SIZE,
        WIDE = ALONG_K ? TILE_K : SPAN, LINES = ALONG_K ? SPAN : TILE_K, CHUNKS = WIDE / EACH,
        IS_PADDED = !ALONG_K && SIZE == 4, PITCH = (WIDE + (IS_PADDED ? 8 : 0)) * SIZE, BYTES = LINES * PITCH,
        APART = THREADS / CHUNKS, COPIES = LINES / APART, KEPT = ALONG_K ? COPIES : 1
    };
    static_assert(THREADS % CHUNKS == 0 && LINES % APART == 0, "threads copy equally much");
    static_assert(IS_PADDED || CHUNKS == 4 || CHUNKS % 8 == 0, "chunks change places");

    const ELEMENT *from;
    Place kept[KEPT];              // across

    static __device__ __forceinline__ int line(int i) { return threadIdx.x / CHUNKS + i * APART; }
    static __device__ __forceinline__ int chunk() { return threadIdx.x % CHUNKS; }

    static __device__ __forceinline__ u32 at(int line, int chunk)
    {
        int swap = IS_PADDED ? 0 : CHUNKS == 4 ? line >> 1 & 3 : line >> SWIZZLE & 7;
        return line * PITCH + (chunk ^ swap) * 16;
    }

    __device__ __forceinline__ void open(const void *tensor, int g, int q, index first)
    {
        from = (const ELEMENT *)tensor;
        UNROLL
        for (int i = 0; i < KEPT; i++)
            kept[i] = ACROSS(g, q, first + (ALONG_K ? line(i) : chunk() * EACH));
    }

    __device__ __forceinline__ void copy(u32 to, int g, int q, index k) const
    {
        Place along = ALONG(g, q, k + (ALONG_K ? chunk() * EACH : line(0)));
        UNROLL
        for (int i = 0; i < COPIES; i++) {
            Place across = kept[ALONG_K ? i : 0];
            if (!ALONG_K && i > 0)
                along = ALONG(g, q, k + line(i));
            u32 bytes = meet(across, along) ? 16 : 0;
            copy_async(to + at(line(i), chunk()), from + (across.at + along.at), bytes);
        }
    }
};

typedef Operand<TILE_M, A_ALONG_K, A_M, A_K> OperandA;
typedef Operand<TILE_N, B_ALONG_K, B_N, B_K> OperandB;
enum { STAGE_BYTES = OperandA::BYTES + OperandB::BYTES };

INLINE Job job_of_block(void)
{
    int i = blockIdx.x;
    return Job{ i / (M_TILES * N_TILES), (int)blockIdx.z / SPLIT, (int)blockIdx.z % SPLIT,
                (index)(i % M_TILES) * TILE_M, (index)(i / M_TILES % N_TILES) * TILE_N };
}

// Stages of a block: `copy` starts the next one, `next` waits for the oldest under way.
struct Stages {
    OperandA a;
    OperandB b;
    Job job;
    u32 shared, copied, read;      // bytes: the ring, where the next copy and the next read stand in it
    int tile, last;                // the next to be copied, and what ends them

    __device__ __forceinline__ void copy(void)
    {
        if (tile < last) {
            a.copy(shared + copied, job.g, job.q, (index)tile * TILE_K);
            b.copy(shared + copied + OperandA::BYTES, job.g, job.q, (index)tile * TILE_K);
        }
        copy_commit();             // of nothing, too: groups are counted
        tile++;
        copied = copied == (STAGES - 1) * STAGE_BYTES ? 0 : copied + STAGE_BYTES;
    }

    // Returns how many tiles there are.
    __device__ __forceinline__ int open(const void *of_a, const void *of_b, Job of, u32 memory)
    {
        job = of;
        int tiles = ((int)K(job.q) + TILE_K - 1) / TILE_K;
        tile = (int)((long long)tiles * job.z / SPLIT);
        last = (int)((long long)tiles * (job.z + 1) / SPLIT);
        int count = last - tile;
        shared = memory;
        copied = read = 0;
        a.open(of_a, job.g, job.q, job.m);
        b.open(of_b, job.g, job.q, job.n);
        UNROLL
        for (int i = 0; i < STAGES - 1; i++)
            copy();
        return count;
    }

    // The address of a tile of A, and behind it of B, for all threads; the next copy is under way.
    __device__ __forceinline__ u32 next(void)
    {
        copy_wait<STAGES - 2>();
        __syncthreads();           // all threads' copies are there, and nobody reads what `copy` overwrites
        copy();
        u32 at = shared + read;
        read = read == (STAGES - 1) * STAGE_BYTES ? 0 : read + STAGE_BYTES;
        return at;
    }
};
