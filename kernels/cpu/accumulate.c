// The mean of a step's gradients, elementwise on stored values in any layout (padding has no gradient and
// stays zero): set behind the step's first batch, added to behind the others. One item makes CHUNK elements.
// Holes: COUNT CHUNK; SHARE: 1 / batches of a step; ARG_G ARG_STATE ARG_SUM.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const int first = ((const StepState *)t[ARG_STATE])->first;
    const float *g = t[ARG_G];
    float *sum = t[ARG_SUM];
    long i = item * CHUNK, end = i + CHUNK < COUNT ? i + CHUNK : COUNT;
    for (; i + V <= end; i += V) {
        vector_real share = r_load(g, i) * SHARE;
        r_store(sum, i, first ? share : r_load(sum, i) + share);
    }
    for (; i < end; i++)
        sum[i] = first ? g[i] * SHARE : sum[i] + g[i] * SHARE;
}
