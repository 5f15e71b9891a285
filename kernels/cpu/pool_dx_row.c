// dL/dx of one row y of one channel block of a pooled map, before what follows it. `row` gets SPAN
// pixels; pixel x of the map is pixel PAD_LEFT + x of the row, and what windows clipped at the left
// and right would see gets zeros. A pixel's sum goes over windows in row-major order.
// Holes: H W OUT_H OUT_W KERNEL_H KERNEL_W STRIDE_H STRIDE_W PAD_TOP PAD_LEFT IS_MAX SPAN; ARG_DY
// ARG_PLACES; AT_DY AT_PLACES.
INLINE long OWN(present)(long first, long kernel, long size)
{
    long end = first + kernel < size ? first + kernel : size;
    return end - (first > 0 ? first : 0);
}

NOINLINE void OWN(pool_dx_row)(void *const *t, float *row, long n, long b, long y)
{
    for (long x = 0; x < SPAN; x++)
        r_store(row, x * V, R0);
    long last = (y + PAD_TOP) / STRIDE_H < OUT_H - 1 ? (y + PAD_TOP) / STRIDE_H : OUT_H - 1;
    long before = y + PAD_TOP - KERNEL_H;          // windows end before y up to before / STRIDE_H
    for (long oy = before < 0 ? 0 : before / STRIDE_H + 1; oy <= last; oy++) {
        long tap = (y + PAD_TOP - oy * STRIDE_H) * KERNEL_W;   // of the window's row that y is
        for (long ox = 0; ox < OUT_W; ox++) {
            real dy = r_load(t[ARG_DY], AT_DY(n, b, oy, ox));
#if IS_MAX
            real_mask place = r_load_places(t[ARG_PLACES], AT_PLACES(n, b, oy, ox));
#else
            dy = dy / r_const((float)(OWN(present)(oy * STRIDE_H - PAD_TOP, KERNEL_H, H)
                                      * OWN(present)(ox * STRIDE_W - PAD_LEFT, KERNEL_W, W)));
#endif
            float *at = row + ox * STRIDE_W * V;
            _Pragma("GCC unroll 8")
            for (long j = 0; j < KERNEL_W; j++) {
#if IS_MAX
                real part = r_keep(place == r_int((int32_t)(tap + j)), dy);
#else
                real part = dy;
                (void)tap;
#endif
                r_store(at, j * V, r_load(at, j * V) + part);
            }
        }
    }
}
