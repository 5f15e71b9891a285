// The input gradient of pooling. One item makes one image. Scratch: one row of SPAN pixels.
// Holes: those of pool_dx_row.c; BLOCKS; ARG_Y; AT_Y EPILOGUE.
void KERNEL(void *const *t, long item, void *scratch)
{
    float *row = scratch;
    for (long b = 0; b < BLOCKS; b++)
        for (long y = 0; y < H; y++) {
            OWN(pool_dx_row)(t, row, item, b, y);
            for (long x = 0; x < W; x++) {
                real v = r_load(row, (PAD_LEFT + x) * V);
                r_store(t[ARG_Y], AT_Y(item, b, y, x), EPILOGUE(t, v, item, b, y, x));
            }
        }
}
