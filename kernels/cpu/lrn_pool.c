// Normalisation across channels, then pooling: a normalised row lives in a ring of KERNEL_H rows
// while windows see it, and is never stored. One item makes one image.
// Holes: those of lrn_row.c and pool_row.c; H BLOCKS OUT_H STRIDE_H PAD_TOP.
void KERNEL(void *const *t, long item, void *scratch)
{
    float *ring = scratch;
    long done = 0;                                 // rows before this one are in the ring, or past
    for (long y = 0; y < OUT_H; y++) {
        long y0 = y * STRIDE_H - PAD_TOP;
        long top = y0 < 0 ? -y0 : 0, bottom = y0 + KERNEL_H > H ? H - y0 : KERNEL_H;
        for (done = done < y0 + top ? y0 + top : done; done < y0 + bottom; done++)
            OWN(lrn_row)(t, ring + done % KERNEL_H * (BLOCKS * SPAN * V), item, done);
        for (long b = 0; b < BLOCKS; b++) {
            const float *rows[KERNEL_H];
            for (long i = top; i < bottom; i++)
                rows[i] = ring + ((y0 + i) % KERNEL_H * BLOCKS + b) * (SPAN * V);
            OWN(pool_row)(t, rows, item, b, y, top, bottom);
        }
    }
}
