// Normalisation across channels: thread i makes V channels of one pixel, y = x * d^-beta; what its
// windows share with the neighbouring threads' comes out of the first cache.
// Holes: COUNT threads that work, BLOCKS of a pixel, H W and those of lrn_blocks.cu or lrn_slots.cu;
// POWER(d); X Y and their AT, LOAD, STORE; EPILOGUE.
extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % W, y = i / (BLOCKS * W) % H, n = i / (BLOCKS * W * H);
    real own, d = lrn_denominator(t[X], n, b, y, x, &own);
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, own * POWER(d), n, b, y, x));
}
