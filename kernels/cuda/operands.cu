// The operands of a contraction on their way to shared memory; contraction.cu, contraction_patch.cu and
// contraction_fma.cu multiply what stands there. D[m][n] = sum over k of A[m][k] * B[n][k], for GROUPS
// groups of channels g, and CLASSES classes q of outputs that see the same taps (an input gradient with a
// stride). A block makes TILE_M x TILE_N of D, a warp of it WARP_M x WARP_N; a tile of TILE_K terms of
// both operands is one stage, and STAGES of them are under way. With SPLIT > 1 so many blocks share the
// terms.
// Holes: these; ELEMENT; A_ALONG_K, B_ALONG_K: 16 bytes run along k, else along m (n); A_M A_K B_N B_K:
// places; M(q) N K(q); M_TILES N_TILES; SWIZZLE.
typedef Place PlaceOf(int g, int q, index i);

// SPAN rows (columns) of an operand. A line is what stands side by side in shared memory: TILE_K terms of
// a row, or one term of all rows; every thread copies one 16-byte chunk of every APART-th line.
// Lines of floats along rows are longer by 8, so that the four lines a warp reads meet no bank twice; in
// others chunks change places by line (ldmatrix reads eight lines at once) or, where there are not eight that
// can, their number is odd.
template <int SPAN, bool ALONG_K, PlaceOf ACROSS, PlaceOf ALONG> struct Operand {
    enum {
        SIZE = sizeof(ELEMENT), EACH = 16 / SIZE,
        WIDE = ALONG_K ? TILE_K : SPAN, LINES = ALONG_K ? SPAN : TILE_K, CHUNKS = WIDE / EACH,
        IS_PADDED = !ALONG_K && (SIZE == 4 || CHUNKS % 8 != 0),
        PITCH = (WIDE + (IS_PADDED ? 8 : 0)) * SIZE, BYTES = LINES * PITCH,
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

typedef Operand<TILE_N, B_ALONG_K, B_N, B_K> OperandB;

INLINE Job job_of_block(void)
{
    int i = blockIdx.x;
    return Job{ i / (M_TILES * N_TILES), (int)blockIdx.z / SPLIT, (int)blockIdx.z % SPLIT,
                (index)(i % M_TILES) * TILE_M, (index)(i / M_TILES % N_TILES) * TILE_N };
}
