// BLOCK_COUNT input blocks from `block` of one pixel, all images.
//   TILES(X)  X(tile, first image, tiles, width)
static void RUN_BLOCKS(const float *dy, const float *w, float *dx, const long *place, long taps, long block)
{
#define TILE_RUN(tile, image, tiles, width)                                                            \
    for (long q = 0; q < tiles; q++)                                                                   \
        tile(dy + (image + q * width) * DY_IMAGE, w + block * V, dx + (image + q * width) * DX_IMAGE + \
             block * DX_BLOCK, place, taps);
    TILES(TILE_RUN)
#undef TILE_RUN
}
