// What the three kernels of a locally connected layer multiply, before local.cu.
// Holes: X_OF(n, c, y, x), DY_OF(n, k, y, x), W_OF(k, c, r, s): numbers; IN_H ..., as in any_forward.cu.

// Where tap (r, s) of place (oy, ox) is in the map; false: beyond it.
INLINE bool OWN(reads)(index oy, index ox, index r, index s, index *y, index *x)
{
    *y = oy * STRIDE_H - PAD_TOP + r * DILATION_H;
    *x = ox * STRIDE_W - PAD_LEFT + s * DILATION_W;
    return *y >= 0 && *y < IN_H && *x >= 0 && *x < IN_W;
}

// The place whose tap (r, s) is pixel (y, x); false: none's is.
INLINE bool OWN(is_read)(index y, index x, index r, index s, index *oy, index *ox)
{
    *oy = y + PAD_TOP - r * DILATION_H;
    *ox = x + PAD_LEFT - s * DILATION_W;
    if (*oy < 0 || *ox < 0 || *oy % STRIDE_H || *ox % STRIDE_W)
        return false;
    *oy /= STRIDE_H;
    *ox /= STRIDE_W;
    return *oy < OUT_H && *ox < OUT_W;
}
