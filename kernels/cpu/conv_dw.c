// Weight gradient of a convolution. One item is a run of output blocks with all images, and one of
// SPLITS shares of the input blocks: sums in one fixed order, and no two items write the same.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    long split = item % SPLITS, run = item / SPLITS % BLOCK_RUNS, group = item / (SPLITS * BLOCK_RUNS);
    long block = group * GROUP_BLOCKS + run * TILE_BLOCKS;
    long first = split * IN_BLOCKS / SPLITS, last = (split + 1) * IN_BLOCKS / SPLITS;
    if ((run + 1) * TILE_BLOCKS <= GROUP_BLOCKS)
        JOB_MAIN(t[ARG_X], t[ARG_DY], t[ARG_DW], block, group * IN_BLOCKS, first, last);
    else
        JOB_REST(t[ARG_X], t[ARG_DY], t[ARG_DW], block, group * IN_BLOCKS, first, last);
}
