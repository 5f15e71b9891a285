// Softmax over the channels of each pixel of one image of a panel: y = exp(x - m) / sum, m the
// largest x. One item makes one image.
// Holes: BLOCKS AREA; ARG_X ARG_Y; AT_X AT_Y LANES_OF.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long pixel = 0; pixel < AREA; pixel++) {
        real most = r_const(-__builtin_inff()), sums = R0;
        for (long b = pixel; b < BLOCKS * AREA; b += AREA) {
            real x = r_load(t[ARG_X], AT_X(item, b, 0, 0));
            most = r_max(most, r_select(r_lane_is_below(LANES_OF(item, b)), x, most));
        }
        real m = r_const(vector_most(most));
        for (long b = pixel; b < BLOCKS * AREA; b += AREA) {
            real y = r_exp(r_load(t[ARG_X], AT_X(item, b, 0, 0)) - m);
            y = r_first_lanes(y, LANES_OF(item, b));
            sums += y;
            r_store(t[ARG_Y], AT_Y(item, b, 0, 0), y);
        }
        real scale = R1 / r_const(vector_sum(sums));
        for (long b = pixel; b < BLOCKS * AREA; b += AREA)
            r_store(t[ARG_Y], AT_Y(item, b, 0, 0), scale * r_load(t[ARG_Y], AT_Y(item, b, 0, 0)));
    }
}
