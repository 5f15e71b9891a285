// Sums over images: the gradient of a bias for each place. One item makes one block of channels.
// Holes: N H W; ARG_X ARG_Y AT_X AT_Y.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long y = 0; y < H; y++)
        for (long x = 0; x < W; x++) {
            real sum = R0;
            for (long n = 0; n < N; n++)
                sum += r_load(t[ARG_X], AT_X(n, item, y, x));
            r_store(t[ARG_Y], AT_Y(0, item, y, x), sum);
        }
}
