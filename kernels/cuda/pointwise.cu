// A chain of pointwise nodes over an NHWC tensor: thread i makes V channels of one pixel, neighbouring
// threads neighbouring channels, so that a warp reads and writes whole sectors.
// Holes: COUNT threads that work, BLOCKS of a pixel, H W; X Y and their AT, LOAD, STORE; EPILOGUE.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % W, y = i / (BLOCKS * W) % H, n = i / (BLOCKS * W * H);
    real v = LOAD_X(t[X], AT_X(n, b, y, x));
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
}
