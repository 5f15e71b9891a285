// Adds up what the SPLIT parts of a contraction have left, in their order, and finishes the result. A thread
// makes V neighbouring columns; those behind them one sum of a row.
// Holes: GROUPS M N SPLIT; PARTIAL: the argument; Result; add_parts.
extern "C" __global__ void __launch_bounds__(THREADS, 8) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = ((index)blockIdx.x * THREADS + threadIdx.x) * V, count = GROUPS * M(0) * N;
    Result result(t);
    if (result.is_unwanted())
        return;
    if (i >= count) {
        add_parts(t, (i - count) / V);
        return;
    }
    real v = r_load(t[PARTIAL], i);
    _Pragma("unroll 8")
    for (int z = 1; z < SPLIT; z++)
        v = v + r_load(t[PARTIAL], z * count + i);
    Job job = { (int)(i / (M(0) * N)), 0, 0, 0, 0 };
    result.put(t, job, i / N % M(0), i % N, v);
}
