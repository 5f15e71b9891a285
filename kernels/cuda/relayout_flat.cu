// The same tensor with other elements (rounded to TF32, bf16, or back), padding and halo in: every
// element stands at the same place on both sides. Thread i makes V neighbouring elements, by accesses
// of 16 bytes.
// Holes: COUNT, a multiple of V; X Y LOAD_X STORE_Y.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = ((index)blockIdx.x * THREADS + threadIdx.x) * V;
    if (i < COUNT)
        STORE_Y(t[Y], i, LOAD_X(t[X], i));
}
