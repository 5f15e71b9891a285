// BLOCK_COUNT output blocks from `block` at one place, all images.
//   TILES(X)  X(tile, first image, tiles, width)
static void RUN_BLOCKS(const float *x, const float *w, float *y, long block, long oy, long ox)
{
    const float *filters = w + block * W_OUT + (oy * OUT_W + ox) * CHANNELS * W_CHANNEL;
#define TILE_RUN(tile, image, tiles, width)                                                       \
    for (long q = 0; q < tiles; q++)                                                              \
        tile(x + (image + q * width) * X_IMAGE, filters, y + Y(image + q * width, block, oy, ox), \
             oy, ox);
    TILES(TILE_RUN)
#undef TILE_RUN
}
