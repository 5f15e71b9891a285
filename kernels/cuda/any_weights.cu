// Weight gradients of any shape, stored or, where IS_UPDATE, applied at once as in result_update.cu. A thread
// makes one number; padding gets zeros. The threads behind them make the sums of a bias.
// Holes: SUMS, how many, SUM_CHANNEL(b), put_sum; COUNT threads that work, PIXEL numbers of a tap, ROW
// taps of a stored row; CHANNEL(b): of a number, -1: of padding; IN(n, c, y, x), OUT(n, k, y, x); IMAGES
// OUT_H OUT_W IN_H IN_W; GROUP_IN, ...; W; VELOCITY STATE PARAM RULE
// STORE_ROUNDED.
INLINE float OWN(sum)(void *const *t, index k, index c, int r, int s)
{
    float sum = 0;
    for (index n = 0; n < IMAGES; n++)
        for (index oy = 0; oy < OUT_H; oy++)
            for (index ox = 0; ox < OUT_W; ox++) {
                index iy = oy * STRIDE_H - PAD_TOP + r * DILATION_H;
                index ix = ox * STRIDE_W - PAD_LEFT + s * DILATION_W;
                if (iy >= 0 && iy < IN_H && ix >= 0 && ix < IN_W)
                    sum += IN(n, k / GROUP_OUT * GROUP_IN + c, iy, ix) * OUT(n, k, oy, ox);
            }
    return sum;
}

#if SUMS
INLINE void OWN(bias)(void *const *t, index b)
{
    index k = SUM_CHANNEL(b);
    float sum = 0;
    for (index n = 0; n < IMAGES && k >= 0; n++)
        for (index oy = 0; oy < OUT_H; oy++)
            for (index ox = 0; ox < OUT_W; ox++)
                sum += OUT(n, k, oy, ox);
    put_sum(t, 0, b, sum);
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
#if IS_UPDATE
    if (((const StepState *)t[STATE])->stop)
        return;
#endif
#if SUMS
    if (i >= COUNT && i < COUNT + SUMS)
        OWN(bias)(t, i - COUNT);
#endif
    if (i >= COUNT)
        return;
    index c = CHANNEL(i % PIXEL), k = i / (PIXEL * ROW * KERNEL_H);
    int s = i / PIXEL % ROW, r = i / (PIXEL * ROW) % KERNEL_H;
    bool is_padding = c < 0 || s >= KERNEL_W;
    float g = is_padding ? 0.0f : OWN(sum)(t, k, c, r, s);
#if IS_UPDATE
    ParamRates rates = rates_of(t[STATE], PARAM);
    if (is_padding)
        return;
    real w = r_load(t[W], i), v = r_load(t[VELOCITY], i);
    w = solver_step<RULE>(rates, w, v, real(g));
    r_store(t[VELOCITY], i, v);
    r_store(t[W], i, w);
    STORE_ROUNDED(t, i, w);
#else
    STORE_W(t[W], i, real(g));
#endif
}
