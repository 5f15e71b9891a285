// Weight gradient of a locally connected layer. One item is one place of the map, all filters: no two
// write the same.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    long oy = item / OUT_W, ox = item % OUT_W, block = 0;
    for (; block + TILE_BLOCKS <= OUT_BLOCKS; block += TILE_BLOCKS)
        RUN_MAIN(t[ARG_X], t[ARG_DY], t[ARG_DW], block, oy, ox);
    if (block < OUT_BLOCKS)
        RUN_REST(t[ARG_X], t[ARG_DY], t[ARG_DW], block, oy, ox);
}
