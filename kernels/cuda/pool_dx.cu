// The input gradient of pooling: thread i makes V channels of one pixel of the map, neighbouring
// threads neighbouring channels.
// Holes: COUNT threads that work, BLOCKS of a pixel and those of pool_gather.cu; Y AT_Y STORE_Y;
// EPILOGUE.
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % W, y = i / (BLOCKS * W) % H, n = i / (BLOCKS * W * H);
    real v = pool_gather(t, n, b, y, x);
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
}
