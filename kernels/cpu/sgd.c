// The paper's step: v <- momentum * v - decay * rate * w - rate * g; w <- w + v, elementwise on
// stored values in any layout (padding has no gradient and stays zero). Does nothing after a loss
// that was not a number. One item makes CHUNK elements.
// Holes: COUNT CHUNK PARAM; ARG_G ARG_STATE ARG_W ARG_V.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const StepState *state = t[ARG_STATE];
    if (state->stop)
        return;
    const ParamRates *rate = (const ParamRates *)(state + 1) + PARAM;
    float momentum = rate->momentum, lr = rate->lr, decay = rate->lr * rate->decay;
    const float *g = t[ARG_G];
    float *w = t[ARG_W], *v = t[ARG_V];
    long i = item * CHUNK, end = i + CHUNK < COUNT ? i + CHUNK : COUNT;
    for (; i + V <= end; i += V) {
        real next = momentum * r_load(v, i) - decay * r_load(w, i) - lr * r_load(g, i);
        r_store(v, i, next);
        r_store(w, i, r_load(w, i) + next);
    }
    for (; i < end; i++) {
        v[i] = momentum * v[i] - decay * w[i] - lr * g[i];
        w[i] += v[i];
    }
}
