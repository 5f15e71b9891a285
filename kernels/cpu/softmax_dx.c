// The gradient of softmax: dx = y * (dy - sum of dy * y). One item makes one image.
// Holes: BLOCKS AREA; ARG_DY ARG_X (the forward result y) ARG_Y; AT_DY AT_X AT_Y.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long pixel = 0; pixel < AREA; pixel++) {
        real sums = R0;
        for (long b = pixel; b < BLOCKS * AREA; b += AREA)
            sums += r_load(t[ARG_DY], AT_DY(item, b, 0, 0)) * r_load(t[ARG_X], AT_X(item, b, 0, 0));
        real sum = r_const(vector_sum(sums));
        for (long b = pixel; b < BLOCKS * AREA; b += AREA)
            r_store(t[ARG_Y], AT_Y(item, b, 0, 0), r_load(t[ARG_X], AT_X(item, b, 0, 0))
                                                   * (r_load(t[ARG_DY], AT_DY(item, b, 0, 0)) - sum));
    }
}
