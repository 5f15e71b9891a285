// The input gradient of normalisation across channels:
//     dx_i = dy_i * d_i^-beta - 2 * alpha * beta * x_i * sum over near j of dy_j * x_j * d_j^-beta / d_j
// d is computed again from x: nothing is kept from the forward pass. Thread i makes V channels of one
// pixel. A block first leaves the terms of the sums of its THREADS vectors, and of SIDE more before and
// behind them (0 where it holds whole pixels), in shared memory. dy is read, or gathered from a pool's
// windows (pool_gather.cu).
// Holes: COUNT vectors, BLOCKS of a pixel, SIDE, H W and those of
// lrn_blocks.cu or lrn_slots.cu; SLOPE (2 * alpha * beta); POWER(d) INVERSE(d); GRADIENT(t, n, b, y, x), dy;
// X Y and their AT, LOAD, STORE; EPILOGUE.
extern __shared__ __align__(16) float shared[];

// Where vector i stands.
struct Vector1 { index n, b, y, x; };

INLINE Vector1 vector_at(index i)
{
    return { i / (BLOCKS * W * H), i % BLOCKS, i / (BLOCKS * W) % H, i / BLOCKS % W };
}

// Leaves the terms of vector i in `terms`; *x is its x, *first the first term of its dx.
INLINE void leave_terms(void *const *t, index i, float *terms, real *x, real *first)
{
    Vector1 at = vector_at(i);
    real d = lrn_denominator(t[X], at.n, at.b, at.y, at.x, x);
    *first = GRADIENT(t, at.n, at.b, at.y, at.x) * POWER(d);
    store_floats<V>(terms, *first * *x * INVERSE(d));
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    index start = (index)blockIdx.x * THREADS, i = start + threadIdx.x;
    float *terms = shared + SIDE * V;                        // of vector `start`
    real x, first;
#if SIDE
    for (index s = threadIdx.x; s < 2 * SIDE; s += THREADS) {
        index near = s < SIDE ? s - SIDE : s - SIDE + THREADS;
        if (start + near >= 0 && start + near < COUNT)
            leave_terms(t, start + near, terms + near * V, &x, &first);
    }
#endif
    if (i < COUNT)
        leave_terms(t, i, terms + threadIdx.x * V, &x, &first);
    __syncthreads();
    if (i >= COUNT)
        return;
    Vector1 at = vector_at(i);
    real dx = first - real(SLOPE) * x * lrn_sum_near(terms + threadIdx.x * V, at.b);
    STORE_Y(t[Y], AT_Y(at.n, at.b, at.y, at.x), EPILOGUE(t, dx, at.n, at.b, at.y, at.x));
}
