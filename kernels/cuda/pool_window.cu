// One window of a pool, clipped to the map: its largest value and the tap that it is, or the mean of
// what is there. Of equal maxima the first in row-major order counts; a NaN is never larger.
// Taps are read through `from.at(i, j)`: from memory (pool.cu) or a ring of rows (lrn_pool.cu).
// Holes: H W KERNEL_H KERNEL_W IS_MAX.

// Rows top .. bottom - 1 and columns left .. right - 1 of the window lie on the map.
struct Clip { index top, bottom, left, right; };

INLINE Clip clip_window(index y0, index x0)
{
    Clip c;
    c.top = y0 < 0 ? -y0 : 0;
    c.left = x0 < 0 ? -x0 : 0;
    c.bottom = y0 + KERNEL_H > H ? H - y0 : KERNEL_H;
    c.right = x0 + KERNEL_W > W ? W - x0 : KERNEL_W;
    return c;
}

INLINE void take_tap(real tap, index i, index j, real *v, Places<V> *place)
{
    if (!IS_MAX) {
        *v = *v + tap;
        return;
    }
    real_mask is_more = tap > *v;
    *v = r_select(is_more, tap, *v);
    *place = r_select_places(is_more, Places<V>((u32)(i * KERNEL_W + j)), *place);
}

template <class Taps> INLINE real pool_window(const Taps &from, Clip c, Places<V> *place)
{
    real v = IS_MAX ? from.at(c.top, c.left) : R0;
    *place = Places<V>((u32)(c.top * KERNEL_W + c.left));
    if (c.bottom - c.top == KERNEL_H && c.right - c.left == KERNEL_W) {
        _Pragma("unroll 4")
        for (index i = 0; i < KERNEL_H; i++)
            _Pragma("unroll 4")
            for (index j = 0; j < KERNEL_W; j++)
                take_tap(from.at(i, j), i, j, &v, place);
    } else {
        _Pragma("unroll 1")
        for (index i = c.top; i < c.bottom; i++)
            _Pragma("unroll 1")
            for (index j = c.left; j < c.right; j++)
                take_tap(from.at(i, j), i, j, &v, place);
    }
    return IS_MAX ? v : v / real((float)((c.bottom - c.top) * (c.right - c.left)));
}
