// Sums over images and pixels: the gradient of a bias. One item makes one block of channels.
// Sums of a row, of an image and of the batch are kept apart, so that rounding stays small and the
// order is the same whoever runs the items.
// Holes: N H W (PANEL: the pixels of a channel are rows of H x W features); ARG_X ARG_Y AT_X
// CHANNELS.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    real sum = R0;
    for (long n = 0; n < N; n++) {
        real image = R0;
        for (long y = 0; y < H; y++) {
            real even = R0, odd = R0;
            for (long x = 0; x + 1 < W; x += 2) {
                even += r_load(t[ARG_X], AT_X(n, item, y, x));
                odd += r_load(t[ARG_X], AT_X(n, item, y, x + 1));
            }
            if (W % 2)
                even += r_load(t[ARG_X], AT_X(n, item, y, W - 1));
            image += even + odd;
        }
        sum += image;
    }
    vector_store_some((float *)t[ARG_Y] + item * V, sum, CHANNELS - item * V);
}
