// One row of pooled outputs of one channel block: the largest or the mean of each window. Windows
// are clipped to the map. Of equal maxima the first counts; a NaN is never larger.
// In: rows[i], pixel 0 of row i of the windows; rows top..bottom-1 of them lie on the map.
// Holes: W OUT_W KERNEL_H KERNEL_W STRIDE_W PAD_LEFT IS_MAX HAS_PLACES; ARG_Y ARG_PLACES;
// AT_Y AT_PLACES EPILOGUE.

// Tap (i, j) of the window whose left edge is pixel x0 goes into v (and place).
#if IS_MAX
#define TAP(i, j)                                                                        \
    do {                                                                                 \
        real tap = r_load(rows[i], (x0 + (j)) * V);                                      \
        real_mask is_more = tap > v;                                                     \
        v = r_select(is_more, tap, v);                                                   \
        place = r_select_int(is_more, r_int((int32_t)((i) * KERNEL_W + (j))), place);    \
    } while (0)
#else
#define TAP(i, j) (v += r_load(rows[i], (x0 + (j)) * V))
#endif

NOINLINE void OWN(pool_row)(void *const *t, const float *const *rows, long n, long b, long y,
                            long top, long bottom)
{
    for (long x = 0; x < OUT_W; x++) {
        long x0 = x * STRIDE_W - PAD_LEFT;
        long left = x0 < 0 ? -x0 : 0, right = x0 + KERNEL_W > W ? W - x0 : KERNEL_W;
        real v = IS_MAX ? r_load(rows[top], (x0 + left) * V) : R0;
        real_mask place = r_int((int32_t)(top * KERNEL_W + left));
        if (bottom - top == KERNEL_H && right - left == KERNEL_W) {
            _Pragma("GCC unroll 8")
            for (long i = 0; i < KERNEL_H; i++)
                _Pragma("GCC unroll 8")
                for (long j = 0; j < KERNEL_W; j++)
                    TAP(i, j);
        } else {
            for (long i = top; i < bottom; i++)
                for (long j = left; j < right; j++)
                    TAP(i, j);
        }
        if (!IS_MAX)
            v = v / r_const((float)((bottom - top) * (right - left)));
#if HAS_PLACES
        r_store_places(t[ARG_PLACES], AT_PLACES(n, b, y, x), place);
#endif
        (void)place;
        r_store(t[ARG_Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
    }
}
#undef TAP
