// BLOCK_COUNT output blocks from `block`, features `first` to `first + count`, all images.
//   TILES(X)  X(tile, first image, tiles, width)
static void RUN_BLOCKS(const float *x, const float *w, float *y, long block, long first, long count)
{
#define TILE_RUN(tile, image, tiles, width)                                                      \
    for (long q = 0; q < tiles; q++)                                                             \
        tile(x + X(0, first, 0, 0) + image + q * width, w + block * W_OUT + first * V,           \
             y + Y(image + q * width, block, 0, 0), count);
    TILES(TILE_RUN)
#undef TILE_RUN
}
