// Pooling of stored maps. One item makes one image.
// Holes: those of pool_row.c; H BLOCKS OUT_H STRIDE_H PAD_TOP; ARG_X; AT_X.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long b = 0; b < BLOCKS; b++)
        for (long y = 0; y < OUT_H; y++) {
            const float *rows[KERNEL_H];
            long y0 = y * STRIDE_H - PAD_TOP;
            long top = y0 < 0 ? -y0 : 0, bottom = y0 + KERNEL_H > H ? H - y0 : KERNEL_H;
            for (long i = top; i < bottom; i++)
                rows[i] = (const float *)t[ARG_X] + AT_X(item, b, y0 + i, 0);
            OWN(pool_row)(t, rows, item, b, y, top, bottom);
        }
}
