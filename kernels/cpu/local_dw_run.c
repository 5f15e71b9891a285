// The weight gradient of BLOCK_COUNT output blocks from `block` at one place: all taps, all input
// channels. Taps beyond the map have none.
//   TILES(X)  X(tile, first channel, tiles, width) covers the V channels of an input block.
static void RUN_BLOCKS(const float *x, const float *dy, float *dw, long block, long oy, long ox)
{
    const float *d = dy + Y(0, block, oy, ox);
    float *w = dw + block * W_OUT + (oy * OUT_W + ox) * CHANNELS * W_CHANNEL;
    for (long b = 0; b < IN_BLOCKS; b++)
        for (long r = 0; r < KERNEL_H; r++)
            for (long s = 0; s < KERNEL_W; s++) {
                long iy = oy * STRIDE_H - PAD_TOP + r * DILATION_H;
                long ix = ox * STRIDE_W - PAD_LEFT + s * DILATION_W;
                long count = COUNT_OF(0, b) < V ? COUNT_OF(0, b) : V;
                float *ws = w + ((CHANNEL(b) * KERNEL_H + r) * KERNEL_W + s) * V;
                if (iy < 0 || iy >= IN_H || ix < 0 || ix >= IN_W) {
                    for (long c = 0; c < count; c++)
                        for (long j = 0; j < BLOCK_COUNT; j++)
                            r_store(ws, c * W_CHANNEL + j * W_OUT, (real){ 0 });
                    continue;
                }
                const float *xs = x + X(0, b, iy, ix);
#define TILE_RUN(tile, number, tiles, width)                                                     \
                for (long q = 0; q < tiles; q++)                                                 \
                    tile(xs + number + q * width, d, ws + (number + q * width) * W_CHANNEL,      \
                         count - (number + q * width));
                TILES(TILE_RUN)
#undef TILE_RUN
            }
}
