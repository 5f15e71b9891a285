// Normalisation over SIZE x SIZE pixels of the same map: y = x * d^-beta. One item makes one image.
// Holes: H W BLOCKS HALF; K ALPHA; ARG_X ARG_Y; AT_X AT_Y; POWER EPILOGUE.
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

void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long b = 0; b < BLOCKS; b++)
        for (long y = 0; y < H; y++)
            for (long x = 0; x < W; x++) {
                real d = OWN(near)(t, item, b, y, x);
                real v = r_load(t[ARG_X], AT_X(item, b, y, x)) * POWER(d);
                r_store(t[ARG_Y], AT_Y(item, b, y, x), EPILOGUE(t, v, item, b, y, x));
            }
}
