// Convolutions and fully connected layers of any shape and layout, one number at a time: the
// fallback where no tile fits, and a check on the tiles. One item is STEP images.
// SUM(t, n, c, y, x) is one number of the result before the epilogue.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    float *out = t[ARG_Y];
    long first = item * STEP, last = first + STEP < IMAGES ? first + STEP : IMAGES;
    for (long b = 0; b < ROWS; b++)                            // lanes beyond the channels hold zeros
        for (long y = 0; y < OUT_H; y++)
            for (long x = 0; x < OUT_W; x++)
                r_store(out, Y_ROW(first, b, y, x), (real){ 0 });
    for (long n = first; n < last; n++)
        for (long c = 0; c < OUT_CHANNELS; c++)
            for (long y = 0; y < OUT_H; y++)
                for (long x = 0; x < OUT_W; x++)
                    out[Y(n, c, y, x)] = SUM(t, n, c, y, x);
    if (HAS_EPILOGUE)
        for (long b = 0; b < ROWS; b++)
            for (long y = 0; y < OUT_H; y++)
                for (long x = 0; x < OUT_W; x++) {
                    long at = Y_ROW(first, b, y, x);
                    r_store(out, at, EPILOGUE(t, r_load(out, at), first, b, y, x));
                }
}
