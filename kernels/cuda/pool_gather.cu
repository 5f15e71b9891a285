// What one pixel of a pooled map gets of the gradient: gathered from the windows that hold it, in
// row-major order, so that nothing is added up in memory and the order of the sum never changes.
// Holes: H W OUT_H OUT_W KERNEL_H KERNEL_W STRIDE_H STRIDE_W PAD_TOP PAD_LEFT IS_MAX;
// PROLOGUE(t, n, b, y, x), the gradient of the pooled map; PLACES AT_PLACES.

// How many taps of a window from `first` on lie on a side of `size`.
INLINE index taps_present(index first, index kernel, index size)
{
    index end = first + kernel < size ? first + kernel : size;
    return end - (first > 0 ? first : 0);
}

// What tap (i, j) of window (oy, ox) gets of the window's gradient; 0 unless `is_there`.
INLINE real pool_share(void *const *t, index n, index b, index oy, index ox, index i, index j, bool is_there)
{
    real dy = PROLOGUE(t, n, b, oy, ox);
#if IS_MAX
    return r_at_places(t[PLACES], AT_PLACES(n, b, oy, ox), (u32)(i * KERNEL_W + j), is_there, dy);
#else
    index taps = taps_present(oy * STRIDE_H - PAD_TOP, KERNEL_H, H)
                 * taps_present(ox * STRIDE_W - PAD_LEFT, KERNEL_W, W);
    return r_first_lanes(dy * real(1.0f / (float)taps), is_there ? V : 0);
#endif
}

INLINE index clamp(index a, index end) { return a < 0 ? 0 : a < end ? a : end - 1; }

// Windows beyond the edge are read from the last one before it, so that no load waits for a branch.
INLINE real pool_gather(void *const *t, index n, index b, index y, index x)
{
    real sum = R0;
    _Pragma("unroll 2")
    for (index u = (KERNEL_H - 1) / STRIDE_H; u >= 0; u--)
        _Pragma("unroll 2")
        for (index v = (KERNEL_W - 1) / STRIDE_W; v >= 0; v--) {
            index oy = (y + PAD_TOP) / STRIDE_H - u, i = y + PAD_TOP - oy * STRIDE_H;
            index ox = (x + PAD_LEFT) / STRIDE_W - v, j = x + PAD_LEFT - ox * STRIDE_W;
            bool is_there = oy >= 0 && oy < OUT_H && i < KERNEL_H && ox >= 0 && ox < OUT_W && j < KERNEL_W;
            sum = sum + pool_share(t, n, b, clamp(oy, OUT_H), clamp(ox, OUT_W), i, j, is_there);
        }
    return sum;
}
