// A chain of pointwise nodes over a tensor, one vector at a time.
// BY_IMAGE: one item makes one image, all rows (channel blocks) of it.
// Otherwise the lanes run along images (COLUMNS): one item makes ROWS_PER_ITEM rows of features.
// Holes: BY_IMAGE N ROWS H W ROWS_PER_ITEM; X Y argument indices; AT_X AT_Y EPILOGUE.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
#if BY_IMAGE
    for (long b = 0; b < ROWS; b++)
        for (long y = 0; y < H; y++)
            for (long x = 0; x < W; x++) {
                real v = r_load(t[X], AT_X(item, b, y, x));
                r_store(t[Y], AT_Y(item, b, y, x), EPILOGUE(t, v, item, b, y, x));
            }
#else
    long end = (item + 1) * ROWS_PER_ITEM < ROWS ? (item + 1) * ROWS_PER_ITEM : ROWS;
    for (long b = item * ROWS_PER_ITEM; b < end; b++)
        for (long n = 0; n < N; n += V) {
            real v = r_load(t[X], AT_X(n, b, 0, 0));
            r_store(t[Y], AT_Y(n, b, 0, 0), EPILOGUE(t, v, n, b, 0, 0));
        }
#endif
}
