// Sums over images: the gradient of a bias for each place. A thread makes V channels of one pixel, in
// the order of the images.
// Holes: COUNT threads that work, BLOCKS of a pixel, N H W; X Y and their AT, LOAD, STORE.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % W, y = i / (BLOCKS * W);
    real sum = R0;
    for (index n = 0; n < N; n++)
        sum = sum + LOAD_X(t[X], AT_X(n, b, y, x));
    STORE_Y(t[Y], AT_Y(0, b, y, x), sum);
}
