// Convolutions and fully connected layers of any shape: the fallback where channels do not come in whole
// vectors. A thread makes one number, the sum in any_forward.cu or any_gradient.cu; padding gets zeros.
// Holes: COUNT threads that work, PIXEL numbers of a pixel, OUT_H OUT_W; CHANNEL(b): of a number, -1: of
// padding; Y and its AT, STORE; EPILOGUE.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % PIXEL, c = CHANNEL(b);
    index x = i / PIXEL % OUT_W, y = i / (PIXEL * OUT_W) % OUT_H, n = i / (PIXEL * OUT_W * OUT_H);
    real v = c < 0 ? 0.0f : OWN(sum)(t, n, c, y, x);
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
}
