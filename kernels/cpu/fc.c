// A fully connected layer. One item is ITEM_BLOCKS blocks of outputs for all images. Features are
// taken CHUNK at a time, so that weights and inputs of a chunk stay in the second cache; sums wait
// in y between chunks.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const float *x = t[ARG_X], *w = t[ARG_W];
    float *y = t[ARG_Y];
    long begin = item * ITEM_BLOCKS;
    long end = begin + ITEM_BLOCKS < OUT_BLOCKS ? begin + ITEM_BLOCKS : OUT_BLOCKS;
    for (long b = begin; b < end; b++)
        for (long n = 0; n < IMAGES; n++)
            r_store(y, Y(n, b, 0, 0), (real){ 0 });
    for (long first = 0; first < FEATURES; first += CHUNK) {
        long count = FEATURES - first < CHUNK ? FEATURES - first : CHUNK, b = begin;
        for (; b + TILE_BLOCKS <= end; b += TILE_BLOCKS)
            RUN_MAIN(x, w, y, b, first, count);
        if (b < end)
            RUN_REST(x, w, y, b, first, count);
    }
    if (HAS_EPILOGUE)
        for (long b = begin; b < end; b++)
            for (long n = 0; n < IMAGES; n++) {
                long at = Y(n, b, 0, 0);
                r_store(y, at, EPILOGUE(t, r_load(y, at), n, b, 0, 0));
            }
}
