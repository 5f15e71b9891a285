// Normalises one row across its channels: y = x * d^-beta, d = k + alpha * sum of squares of the
// neighbouring channels. Blocks are runs of channels; every part of PART_BLOCKS blocks by itself.
// Out: row[b][x], SPAN pixels a block.
// Holes: W PARTS PART_BLOCKS NEAR SPAN; K ALPHA; ARG_X; AT_X; SUM_NEAR POWER.
NOINLINE void OWN(lrn_row)(void *const *t, float *row, long n, long y)
{
    real square[PART_BLOCKS + 2 * NEAR];           // beyond a part's edges there is nothing
    for (long i = 0; i < NEAR; i++)
        square[i] = square[PART_BLOCKS + NEAR + i] = R0;
    for (long x = 0; x < W; x++)
        for (long p = 0; p < PARTS; p++) {
            for (long b = 0; b < PART_BLOCKS; b++) {
                real v = r_load(t[ARG_X], AT_X(n, p * PART_BLOCKS + b, y, x));
                square[NEAR + b] = v * v;
            }
            for (long b = 0; b < PART_BLOCKS; b++) {
                real v = r_load(t[ARG_X], AT_X(n, p * PART_BLOCKS + b, y, x));
                real d = r_const(K) + r_const(ALPHA) * SUM_NEAR(square + NEAR + b);
                r_store(row, ((p * PART_BLOCKS + b) * SPAN + x) * V, v * POWER(d));
            }
        }
}
