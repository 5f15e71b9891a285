// Input gradient of a locally connected layer. One item is one pixel of the input. The weights of each
// place that reads it are turned about first, so that input channels stand side by side: each weight
// once a step.

// Appends the weights of tap (r, s) of place (oy, ox). Returns where the next ones go.
static float *OWN(turn)(const float *w, float *to, long oy, long ox, long r, long s)
{
    const float *of_place = w + (((oy * OUT_W + ox) * CHANNELS * KERNEL_H + r) * KERNEL_W + s) * V;
    for (long k = 0; k < FILTERS; k += V)
        for (long b = 0; b < IN_BLOCKS; b++)
            for (long c = 0; c < V; c++) {
                bool is_channel = c < COUNT_OF(0, b);
                const float *from = of_place + k / V * W_OUT + (is_channel ? CHANNEL(b) + c : 0) * W_CHANNEL;
                for (long i = 0; i < V && k + i < FILTERS; i++)
                    to[((k + i) * IN_BLOCKS + b) * V + c] = is_channel ? from[i] : 0;
            }
    return to + FILTERS * IN_BLOCKS * V;
}

void KERNEL(void *const *t, long item, void *scratch)
{
    long iy = item / IN_W, ix = item % IN_W, taps = 0, block = 0;
    float *turned = scratch, *end = turned, *dx = (float *)t[ARG_Y] + DX(0, 0, iy, ix);
    long *place = (long *)(turned + KERNEL_H * KERNEL_W * FILTERS * IN_BLOCKS * V);
    for (long r = 0; r < KERNEL_H; r++)
        for (long s = 0; s < KERNEL_W; s++) {
            long y = iy + PAD_TOP - r * DILATION_H, x = ix + PAD_LEFT - s * DILATION_W;
            if (y < 0 || x < 0 || y % STRIDE_H || x % STRIDE_W || y / STRIDE_H >= OUT_H
                || x / STRIDE_W >= OUT_W)
                continue;
            end = OWN(turn)(t[ARG_W], end, y / STRIDE_H, x / STRIDE_W, r, s);
            place[taps++] = DY(0, 0, y / STRIDE_H, x / STRIDE_W);
        }
    for (; block + TILE_BLOCKS <= IN_BLOCKS; block += TILE_BLOCKS)
        RUN_MAIN(t[ARG_X], turned, dx, place, taps, block);
    if (block < IN_BLOCKS)
        RUN_REST(t[ARG_X], turned, dx, place, taps, block);
    if (HAS_EPILOGUE)
        for (long n = 0; n < IMAGES; n++)
            for (long b = 0; b < IN_BLOCKS; b++) {
                long at = DX(n, b, iy, ix);
                r_store(t[ARG_Y], at, EPILOGUE(t, r_load(t[ARG_Y], at), n, b, iy, ix));
            }
}
