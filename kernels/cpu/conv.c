// A convolution: forward, or input gradient (over the output gradient, with flipped weights).
// One item is one image. Rows are finished (bias, relu, ...) while they are in the cache.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long g = 0; g < GROUPS; g++) {
        long block = g * GROUP_BLOCKS, end = block + GROUP_BLOCKS;
        for (; block + TILE_BLOCKS <= end; block += TILE_BLOCKS)
            ROWS_MAIN(t, item, block);
        if (block < end)
            ROWS_REST(t, item, block);
    }
}
