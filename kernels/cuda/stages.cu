// The tiles of both operands in a ring of STAGES: the next ones are under way while one is multiplied.
// Holes: those of operands.cu.
typedef Operand<TILE_M, A_ALONG_K, A_M, A_K> OperandA;
enum { STAGE_BYTES = OperandA::BYTES + OperandB::BYTES };

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
