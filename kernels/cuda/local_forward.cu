// Forward: a job is a place, rows are images, columns filters, along taps and input channels.
INLINE float OWN(a)(void *const *t, index place, index n, index q)
{
    index y, x, tap = q / CHANNELS;
    if (!OWN(reads)(place / OUT_W, place % OUT_W, tap / KERNEL_W, tap % KERNEL_W, &y, &x))
        return 0.0f;
    return X_OF(n, q % CHANNELS, y, x);
}

INLINE float OWN(b)(void *const *t, index place, index b, index q)
{
    index k = CHANNEL(b), tap = q / CHANNELS;
    return k < 0 ? 0.0f : W_OF(k, place * CHANNELS + q % CHANNELS, tap / KERNEL_W, tap % KERNEL_W);
}

INLINE void OWN(put)(void *const *t, index place, index n, index b, float v)
{
    index y = place / OUT_W, x = place % OUT_W;
    STORE_RESULT(t[RESULT], AT_RESULT(n, b, y, x), EPILOGUE(t, real(v), n, b, y, x));
}
