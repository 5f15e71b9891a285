// The input gradient of normalisation for one row, and what follows it:
//     dx_i = dy_i * d_i^-beta - 2 * alpha * beta * x_i * sum over near j of dy_j * x_j * d_j^-beta / d_j
// d is computed again from x: nothing is kept from the forward pass.
// In: dy[b * dy_block + x * V] at pixel x of block b. Out: row y of the group's output.
// Holes: W PARTS PART_BLOCKS NEAR; K ALPHA SLOPE (2 * alpha * beta); ARG_X ARG_Y; AT_X AT_Y;
// SUM_NEAR POWER INVERSE EPILOGUE.
NOINLINE void OWN(lrn_dx_row)(void *const *t, const float *dy, long dy_block, long n, long y)
{
    real square[PART_BLOCKS + 2 * NEAR], term[PART_BLOCKS + 2 * NEAR], own[PART_BLOCKS];
    for (long i = 0; i < NEAR; i++) {
        square[i] = square[PART_BLOCKS + NEAR + i] = R0;
        term[i] = term[PART_BLOCKS + NEAR + i] = R0;
    }
    for (long x = 0; x < W; x++)
        for (long p = 0; p < PARTS; p++) {
            _Pragma("GCC unroll 16")
            for (long b = 0; b < PART_BLOCKS; b++) {
                real v = r_load(t[ARG_X], AT_X(n, p * PART_BLOCKS + b, y, x));
                square[NEAR + b] = v * v;
            }
            _Pragma("GCC unroll 16")
            for (long b = 0; b < PART_BLOCKS; b++) {
                real v = r_load(t[ARG_X], AT_X(n, p * PART_BLOCKS + b, y, x));
                real d = r_const(K) + r_const(ALPHA) * SUM_NEAR(square + NEAR + b);
                own[b] = r_load(dy, (p * PART_BLOCKS + b) * dy_block + x * V) * POWER(d);
                term[NEAR + b] = own[b] * v * INVERSE(d);
            }
            _Pragma("GCC unroll 16")
            for (long b = 0; b < PART_BLOCKS; b++) {
                long block = p * PART_BLOCKS + b;
                real v = r_load(t[ARG_X], AT_X(n, block, y, x));
                real dx = own[b] - r_const(SLOPE) * v * SUM_NEAR(term + NEAR + b);
                r_store(t[ARG_Y], AT_Y(n, block, y, x), EPILOGUE(t, dx, n, block, y, x));
            }
        }
}
