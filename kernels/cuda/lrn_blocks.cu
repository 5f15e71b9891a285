// Sums over neighbouring channels where a part's channels are whole blocks: the lanes of a block and of
// the NEAR blocks on either side hold all that its windows see.
// Holes: PART_BLOCKS NEAR HALF (of the window, in channels); K ALPHA; X and its AT, LOAD.

// True if block b + k belongs to the part of block b.
INLINE bool is_near(index b, index k)
{
    return b % PART_BLOCKS + k >= 0 && b % PART_BLOCKS + k < PART_BLOCKS;
}

INLINE real sum_lanes(const float lanes[(2 * NEAR + 1) * V])
{
    real sum;
    UNROLL
    for (int i = 0; i < V; i++) {
        sum.v[i] = lanes[NEAR * V + i - HALF];
        UNROLL
        for (int j = 1 - HALF; j <= HALF; j++)
            sum.v[i] += lanes[NEAR * V + i + j];
    }
    return sum;
}

// d = k + alpha * sum of x^2 of block b of a pixel; *own is x.
INLINE real lrn_denominator(const void *x, index n, index b, index row, index column, real *own)
{
    float square[(2 * NEAR + 1) * V];
    UNROLL
    for (int k = -NEAR; k <= NEAR; k++) {
        real v = is_near(b, k) ? LOAD_X(x, AT_X(n, b + k, row, column)) : R0;
        if (k == 0)
            *own = v;
        UNROLL
        for (int i = 0; i < V; i++)
            square[(NEAR + k) * V + i] = v.v[i] * v.v[i];
    }
    return real(K) + real(ALPHA) * sum_lanes(square);
}

// The sum over what each lane of block b has near it in `terms`, of which [0 .. V - 1] are b's own.
INLINE real lrn_sum_near(const float *terms, index b)
{
    float term[(2 * NEAR + 1) * V];
    UNROLL
    for (int k = -NEAR; k <= NEAR; k++) {
        real v = is_near(b, k) ? load_floats<V>(terms + k * V) : R0;
        UNROLL
        for (int i = 0; i < V; i++)
            term[(NEAR + k) * V + i] = v.v[i];
    }
    return sum_lanes(term);
}
