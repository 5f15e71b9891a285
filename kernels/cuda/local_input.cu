// Input gradient: a job is a pixel, rows are images, columns input channels, along taps and filters.
INLINE float OWN(a)(void *const *t, index pixel, index n, index q)
{
    index oy, ox, tap = q / FILTERS;
    if (!OWN(is_read)(pixel / IN_W, pixel % IN_W, tap / KERNEL_W, tap % KERNEL_W, &oy, &ox))
        return 0.0f;
    return DY_OF(n, q % FILTERS, oy, ox);
}

INLINE float OWN(b)(void *const *t, index pixel, index b, index q)
{
    index oy, ox, c = CHANNEL(b), tap = q / FILTERS;
    if (c < 0 || !OWN(is_read)(pixel / IN_W, pixel % IN_W, tap / KERNEL_W, tap % KERNEL_W, &oy, &ox))
        return 0.0f;
    return W_OF(q % FILTERS, (oy * OUT_W + ox) * CHANNELS + c, tap / KERNEL_W, tap % KERNEL_W);
}

INLINE void OWN(put)(void *const *t, index pixel, index n, index b, float v)
{
    index y = pixel / IN_W, x = pixel % IN_W;
    STORE_RESULT(t[RESULT], AT_RESULT(n, b, y, x), EPILOGUE(t, real(v), n, b, y, x));
}
