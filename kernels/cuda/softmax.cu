// Softmax over the channels of a pixel, y = exp(x - m) / sum with m the largest x, or its gradient,
// dx = y * (dy - sum of dy * y). GROUP lanes of a warp make one pixel of one image, a lane every GROUP-th
// vector; only the first of the passes over the pixel comes from memory, it stays in the first cache.
// Holes: PIXELS of all images (H W of one), BLOCKS of V channels, GROUP, IS_GRADIENT; X (the scores, or
// the forward result y), DY, Y and their AT, LOAD, STORE; LANES_OF.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index pixel = ((index)blockIdx.x * THREADS + threadIdx.x) / GROUP;
    index end = pixel < PIXELS ? BLOCKS : 0, first = threadIdx.x % GROUP;    // sums need all of a warp
    index x = pixel % W, y = pixel / W % H, n = pixel / (H * W);
    real sums = R0;
#if IS_GRADIENT
    for (index b = first; b < end; b += GROUP)
        sums = sums + LOAD_DY(t[DY], AT_DY(n, b, y, x)) * LOAD_X(t[X], AT_X(n, b, y, x));
    real sum = r_const(warp_sum<GROUP>(lanes_sum(sums)));
    for (index b = first; b < end; b += GROUP) {
        real v = LOAD_DY(t[DY], AT_DY(n, b, y, x)) - sum;
        STORE_Y(t[Y], AT_Y(n, b, y, x), r_first_lanes(LOAD_X(t[X], AT_X(n, b, y, x)) * v, LANES_OF(n, b)));
    }
#else
    real most = r_const(-INFINITE);
    for (index b = first; b < end; b += GROUP) {
        real v = LOAD_X(t[X], AT_X(n, b, y, x));
        most = r_max(most, r_first_lanes_of(v, most, LANES_OF(n, b)));
    }
    real m = r_const(warp_most<GROUP>(lanes_most(most)));
    for (index b = first; b < end; b += GROUP)
        sums = sums + r_first_lanes(r_exp(LOAD_X(t[X], AT_X(n, b, y, x)) - m), LANES_OF(n, b));
    real scale = R1 / r_const(warp_sum<GROUP>(lanes_sum(sums)));
    for (index b = first; b < end; b += GROUP) {
        real v = r_exp(LOAD_X(t[X], AT_X(n, b, y, x)) - m) * scale;
        STORE_Y(t[Y], AT_Y(n, b, y, x), r_first_lanes(v, LANES_OF(n, b)));
    }
#endif
}
