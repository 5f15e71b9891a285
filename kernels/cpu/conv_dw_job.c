// The weight gradient of BLOCK_COUNT output blocks from `block` over input blocks `first` to `last`
// of their group: all images, all taps. Rows of the output gradient are taken CHUNK at a time, few
// enough to stay in a cache while all taps pass over them.
//   TILES(X)  X(tile, first number, tiles, width) covers one RUN of numbers.
static void JOB(const float *x, const float *dy, float *dw, long block, long group_first, long first,
                long last)
{
    for (long j = 0; j < BLOCK_COUNT; j++)
        for (long i = first * W_BLOCK; i < last * W_BLOCK; i += V)
            r_store(dw, (block + j) * W_OUT + i, (real){ 0 });
    for (long n = 0; n < IMAGES; n++)
        for (long h = 0; h < OUT_H; h += CHUNK) {
            const long rows = OUT_H - h < CHUNK ? OUT_H - h : CHUNK;
            const float *d = dy + Y(n, block, h, 0);
            for (long b = first; b < last; b++)
                for (long r = 0; r < KERNEL_H; r++)
                    for (long s = 0; s < RUNS; s++) {
                        const float *xs = x + X(n, group_first + b, h * STRIDE_H + r * DILATION_H
                                                - PAD_TOP, s * DILATION_W - PAD_LEFT);
                        float *ws = dw + block * W_OUT + b * W_BLOCK + r * W_ROW + s * RUN * V;
#define TILE_RUN(tile, number, tiles, width)                                                     \
                        for (long q = 0; q < tiles; q++)                                         \
                            tile(xs + number + q * width, d, ws + (number + q * width) * V, rows);
                        TILES(TILE_RUN)
#undef TILE_RUN
                    }
        }
}
