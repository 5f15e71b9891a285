// A locally connected layer. One item is one place of the map: its filters are read once for all images.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    long oy = item / OUT_W, ox = item % OUT_W, block = 0;
    for (; block + TILE_BLOCKS <= OUT_BLOCKS; block += TILE_BLOCKS)
        RUN_MAIN(t[ARG_X], t[ARG_W], t[ARG_Y], block, oy, ox);
    if (block < OUT_BLOCKS)
        RUN_REST(t[ARG_X], t[ARG_W], t[ARG_Y], block, oy, ox);
    if (HAS_EPILOGUE)
        for (long n = 0; n < IMAGES; n++)
            for (long b = 0; b < OUT_BLOCKS; b++) {
                long at = Y(n, b, oy, ox);
                r_store(t[ARG_Y], at, EPILOGUE(t, r_load(t[ARG_Y], at), n, b, oy, ox));
            }
}
