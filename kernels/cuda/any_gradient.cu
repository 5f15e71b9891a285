// One number of an input gradient: every output that saw it, by the tap that read it.
// Holes: as in any_forward.cu; IN is the output's gradient.
INLINE float OWN(sum)(void *const *t, index n, index c, index y, index x)
{
    index first = c / GROUP_IN * GROUP_OUT;
    float sum = 0;
    for (index k = first; k < first + GROUP_OUT; k++)
        for (int r = 0; r < KERNEL_H; r++)
            for (int s = 0; s < KERNEL_W; s++) {
                index oy = y + PAD_TOP - r * DILATION_H, ox = x + PAD_LEFT - s * DILATION_W;
                if (oy >= 0 && ox >= 0 && oy % STRIDE_H == 0 && ox % STRIDE_W == 0 && oy / STRIDE_H < IN_H
                    && ox / STRIDE_W < IN_W)
                    sum += IN(n, k, oy / STRIDE_H, ox / STRIDE_W) * WEIGHT(k, c % GROUP_IN, r, s);
            }
    return sum;
}
