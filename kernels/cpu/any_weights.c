// Weight gradients of any shape and layout, one number at a time; stored, or (IS_UPDATE) applied at
// once by the solver's step. One item is one block of V outputs.
INLINE float OWN(sum)(const float *x, const float *dy, long k, long c, long r, long s)
{
    float sum = 0;
    for (long n = 0; n < IMAGES; n++)
        for (long oy = 0; oy < OUT_H; oy++)
            for (long ox = 0; ox < OUT_W; ox++) {
                long iy = oy * STRIDE_H - PAD_TOP + r * DILATION_H;
                long ix = ox * STRIDE_W - PAD_LEFT + s * DILATION_W;
                if (iy >= 0 && iy < IN_H && ix >= 0 && ix < IN_W)
                    sum += x[X(n, k / GROUP_OUT * GROUP_IN + c, iy, ix)] * dy[Y(n, k, oy, ox)];
            }
    return sum;
}

void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const float *x = t[ARG_X], *dy = t[ARG_DY];
    float *w = t[ARG_W];
#if IS_UPDATE
    float *v = t[ARG_V];
    const StepState *state = t[ARG_STATE];
    const ParamRates *rates = (const ParamRates *)(state + 1) + PARAM;
    if (state->stop)
        return;
#else
    for (long i = 0; i < W_OUT; i += V)                        // lanes beyond the channels hold zeros
        r_store(w, item * W_OUT + i, (real){ 0 });
#endif
    for (long k = 0; k < OUT_CHANNELS; k++) {
        if (W(k, 0, 0, 0) / W_OUT != item)
            continue;
        for (long c = 0; c < GROUP_IN; c++)
            for (long r = 0; r < KERNEL_H; r++)
                for (long s = 0; s < KERNEL_W; s++) {
                    long at = W(k, c, r, s);
                    float g = OWN(sum)(x, dy, k, c, r, s);
#if IS_UPDATE
                    w[at] = solver_step_one(RULE, rates, w[at], &v[at], g);
#else
                    w[at] = g;
#endif
                }
    }
}
