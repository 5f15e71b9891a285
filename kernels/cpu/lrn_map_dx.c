// The input gradient of normalisation within maps:
//     dx_i = dy_i * d_i^-beta - 2 * alpha * beta * x_i * sum over near j of dy_j * x_j * d_j^-beta / d_j
// One item makes one image. Scratch: the first terms of one channel block, then those of the sum.
// Holes: H W BLOCKS HALF; K ALPHA SLOPE; ARG_X ARG_DY ARG_Y; AT_X AT_DY AT_Y; POWER EPILOGUE.
INLINE real OWN(near)(void *const *t, long n, long b, long y, long x)
{
    real sum = R0;
    for (long i = y - HALF < 0 ? 0 : y - HALF; i <= y + HALF && i < H; i++)
        for (long j = x - HALF < 0 ? 0 : x - HALF; j <= x + HALF && j < W; j++) {
            real v = r_load(t[ARG_X], AT_X(n, b, i, j));
            sum += v * v;
        }
    return r_const(K) + r_const(ALPHA) * sum;
}

INLINE real OWN(near_terms)(const float *term, long y, long x)
{
    real sum = R0;
    for (long i = y - HALF < 0 ? 0 : y - HALF; i <= y + HALF && i < H; i++)
        for (long j = x - HALF < 0 ? 0 : x - HALF; j <= x + HALF && j < W; j++)
            sum += r_load(term, (i * W + j) * V);
    return sum;
}

void KERNEL(void *const *t, long item, void *scratch)
{
    float *own = scratch, *term = own + H * W * V;
    for (long b = 0; b < BLOCKS; b++) {
        for (long y = 0; y < H; y++)
            for (long x = 0; x < W; x++) {
                real d = OWN(near)(t, item, b, y, x);
                real first = r_load(t[ARG_DY], AT_DY(item, b, y, x)) * POWER(d);
                r_store(own, (y * W + x) * V, first);
                r_store(term, (y * W + x) * V, first * r_load(t[ARG_X], AT_X(item, b, y, x)) / d);
            }
        for (long y = 0; y < H; y++)
            for (long x = 0; x < W; x++) {
                real v = r_load(t[ARG_X], AT_X(item, b, y, x));
                real dx = r_load(own, (y * W + x) * V)
                          - r_const(SLOPE) * v * OWN(near_terms)(term, y, x);
                r_store(t[ARG_Y], AT_Y(item, b, y, x), EPILOGUE(t, dx, item, b, y, x));
            }
    }
}
