// dL/dx of one row y of one channel block of a pooled map, before what follows it. `row` gets SPAN
// pixels; pixel x of the map is pixel PAD_LEFT + x of the row, and what windows clipped at the left
// and right would see comes along. Every pixel gathers, in a register, from the windows that hold
// it, in row-major order: pixel q * STRIDE_W + r of the row is tap r + m * STRIDE_W of window q - m.
// Holes: H W OUT_H OUT_W KERNEL_H KERNEL_W STRIDE_H STRIDE_W PAD_TOP PAD_LEFT IS_MAX SPAN; ARG_DY
// ARG_PLACES; AT_DY AT_PLACES.

// What tap `tap` (i * KERNEL_W + j) of window (oy, ox) gets of the window's gradient.
#if IS_MAX
INLINE real OWN(share)(void *const *t, long n, long b, long oy, long ox, long tap)
{
    real_mask place = r_load_places(t[ARG_PLACES], AT_PLACES(n, b, oy, ox));
    return r_keep(place == r_int((int32_t)tap), r_load(t[ARG_DY], AT_DY(n, b, oy, ox)));
}
#else
INLINE long OWN(present)(long first, long kernel, long size)
{
    long end = first + kernel < size ? first + kernel : size;
    return end - (first > 0 ? first : 0);
}

INLINE real OWN(share)(void *const *t, long n, long b, long oy, long ox, long tap)
{
    (void)tap;
    long taps = OWN(present)(oy * STRIDE_H - PAD_TOP, KERNEL_H, H)
                * OWN(present)(ox * STRIDE_W - PAD_LEFT, KERNEL_W, W);
    return r_load(t[ARG_DY], AT_DY(n, b, oy, ox)) * r_const(1.0f / (float)taps);
}
#endif

NOINLINE void OWN(pool_dx_row)(void *const *t, float *row, long n, long b, long y)
{
    long last = (y + PAD_TOP) / STRIDE_H < OUT_H - 1 ? (y + PAD_TOP) / STRIDE_H : OUT_H - 1;
    long before = y + PAD_TOP - KERNEL_H;          // windows end before y up to before / STRIDE_H
    long first = before < 0 ? 0 : before / STRIDE_H + 1;
    for (long q = 0; q * STRIDE_W < SPAN; q++)
        _Pragma("GCC unroll 4")
        for (long r = 0; r < STRIDE_W; r++) {
            real v = R0;
            for (long oy = first; oy <= last; oy++) {
                long tap = (y + PAD_TOP - oy * STRIDE_H) * KERNEL_W + r;
                _Pragma("GCC unroll 4")
                for (long m = (KERNEL_W - 1) / STRIDE_W; m >= 0; m--)
                    if (r + m * STRIDE_W < KERNEL_W && q - m >= 0 && q - m < OUT_W)
                        v += OWN(share)(t, n, b, oy, q - m, tap + m * STRIDE_W);
            }
            if (q * STRIDE_W + r < SPAN)
                r_store(row, (q * STRIDE_W + r) * V, v);
        }
}
