// The mean of a step's gradients, elementwise on stored values (padding has no gradient and stays zero): set
// behind the step's first batch, added to behind the others.
// Thread i makes V neighbouring elements.
// Holes: COUNT, a multiple of V; SHARE: 1 / batches of a step; G STATE SUM; LOAD_G.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = ((index)blockIdx.x * THREADS + threadIdx.x) * V;
    if (i >= COUNT)
        return;
    real share = LOAD_G(t[G], i) * real(SHARE);
    if (!((const StepState *)t[STATE])->first)
        share = r_load(t[SUM], i) + share;
    r_store(t[SUM], i, share);
}
