// One output: all taps and input channels of its group; taps beyond the map are zeros.
INLINE float OWN(sum)(void *const *t, long n, long k, long y, long x)
{
    const float *in = t[ARG_X], *w = t[ARG_W];
    float sum = 0;
    for (long c = 0; c < GROUP_IN; c++)
        for (long r = 0; r < KERNEL_H; r++)
            for (long s = 0; s < KERNEL_W; s++) {
                long iy = y * STRIDE_H - PAD_TOP + r * DILATION_H;
                long ix = x * STRIDE_W - PAD_LEFT + s * DILATION_W;
                if (iy >= 0 && iy < IN_H && ix >= 0 && ix < IN_W)
                    sum += in[X(n, k / GROUP_OUT * GROUP_IN + c, iy, ix)] * w[W(k, c, r, s)];
            }
    return sum;
}
