// One number of an input gradient: every output that saw it, by the tap that read it.
INLINE float OWN(sum)(void *const *t, long n, long c, long y, long x)
{
    const float *dy = t[ARG_X], *w = t[ARG_W];
    long first = c / GROUP_IN * GROUP_OUT;
    float sum = 0;
    for (long k = first; k < first + GROUP_OUT; k++)
        for (long r = 0; r < KERNEL_H; r++)
            for (long s = 0; s < KERNEL_W; s++) {
                long oy = y + PAD_TOP - r * DILATION_H, ox = x + PAD_LEFT - s * DILATION_W;
                if (oy >= 0 && ox >= 0 && oy % STRIDE_H == 0 && ox % STRIDE_W == 0
                    && oy / STRIDE_H < IN_H && ox / STRIDE_W < IN_W)
                    sum += dy[X(n, k, oy / STRIDE_H, ox / STRIDE_W)] * w[W(k, c % GROUP_IN, r, s)];
            }
    return sum;
}
