// One output: all taps and input channels of its group; taps beside the map are zeros.
// Holes: IN(n, c, y, x) and WEIGHT(k, c, r, s): numbers; IN_H IN_W; GROUP_IN GROUP_OUT; KERNEL_H, ...
INLINE float OWN(sum)(void *const *t, index n, index k, index y, index x)
{
    float sum = 0;
    for (index c = 0; c < GROUP_IN; c++)
        for (int r = 0; r < KERNEL_H; r++)
            for (int s = 0; s < KERNEL_W; s++) {
                index iy = y * STRIDE_H - PAD_TOP + r * DILATION_H;
                index ix = x * STRIDE_W - PAD_LEFT + s * DILATION_W;
                if (iy >= 0 && iy < IN_H && ix >= 0 && ix < IN_W)
                    sum += IN(n, k / GROUP_OUT * GROUP_IN + c, iy, ix) * WEIGHT(k, c, r, s);
            }
    return sum;
}
