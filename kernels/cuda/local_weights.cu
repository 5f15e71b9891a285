// Weight gradient: a job is a tap of a place, rows are filters, columns input channels, along images.
// Behind the channels of the last place stands what filters are padded with: zeros.
INLINE float OWN(a)(void *const *t, index job, index k, index n)
{
    index place = job / (KERNEL_H * KERNEL_W);
    return DY_OF(n, k, place / OUT_W, place % OUT_W);
}

INLINE float OWN(b)(void *const *t, index job, index c, index n)
{
    index y, x, place = job / (KERNEL_H * KERNEL_W), tap = job % (KERNEL_H * KERNEL_W);
    if (c >= CHANNELS || !OWN(reads)(place / OUT_W, place % OUT_W, tap / KERNEL_W, tap % KERNEL_W, &y, &x))
        return 0.0f;
    return X_OF(n, c, y, x);
}

INLINE void OWN(put)(void *const *t, index job, index k, index c, float v)
{
    index place = job / (KERNEL_H * KERNEL_W), tap = job % (KERNEL_H * KERNEL_W);
    if (c < CHANNELS || place == OUT_H * OUT_W - 1)
        STORE_RESULT(t[RESULT], OF_RESULT(k, place * CHANNELS + c, tap / KERNEL_W, tap % KERNEL_W), real(v));
}
