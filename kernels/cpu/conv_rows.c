// All rows of one image for the BLOCK_COUNT output blocks from `block`, by tiles; appended once for
// every number of blocks. Outputs that see the same taps form a class: a forward convolution has
// one, an input gradient one for every remainder of the stride.
//   ROW_CLASSES(X)  X(class, taps, first tap, input row of the first tap for the class's first row)
//   TILES(X)        X(tile, class, first of the class's pixels, tiles, width, taps, first tap,
//                     input column of the first tap for the first of the pixels)
static void ROWS(void *const *t, long n, long block)
{
    const float *x = t[ARG_X], *w = t[ARG_W];
    float *y = t[ARG_Y];
    long group = block / GROUP_BLOCKS;
#define TILE_RUN(tile, class, pixel, tiles, width, taps, tap, column)                            \
    for (long q = 0; q < tiles; q++)                                                             \
        tile(x + X(n, group * IN_BLOCKS, in_row, column + q * width * COLUMN_STEP),              \
             w + block * W_OUT + first_row * W_ROW + tap * W_COLUMN,                             \
             y + Y(n, block, row, class + (pixel + q * width) * COLUMN_CLASSES), rows, taps);
#define ROW_RUN(class, taps, tap, in_first)                                                      \
    for (long row = class, in_row = in_first; row < OUT_H; row += ROW_STRIDE, in_row += ROW_STEP) { \
        const long rows = taps, first_row = tap;                                                 \
        TILES(TILE_RUN)                                                                          \
        OWN(finish)(t, y, n, block, BLOCK_COUNT, row);                                         \
    }
    ROW_CLASSES(ROW_RUN)
#undef TILE_RUN
#undef ROW_RUN
}
