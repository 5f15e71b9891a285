// Normalisation across channels. One item makes one image. Scratch: one row of all blocks.
// Holes: those of lrn_row.c; H BLOCKS; ARG_Y; AT_Y EPILOGUE.
void KERNEL(void *const *t, long item, void *scratch)
{
    float *row = scratch;
    for (long y = 0; y < H; y++) {
        OWN(lrn_row)(t, row, item, y);
        for (long b = 0; b < BLOCKS; b++)
            for (long x = 0; x < W; x++) {
                real v = r_load(row, (b * SPAN + x) * V);
                r_store(t[ARG_Y], AT_Y(item, b, y, x), EPILOGUE(t, v, item, b, y, x));
            }
    }
}
