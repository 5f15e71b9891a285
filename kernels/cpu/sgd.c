// The solver's step, elementwise on stored values in any layout (padding has no gradient and stays
// zero). Does nothing after a loss that was not a number, nor, where it WAITS, before a step's last batch.
// One item makes CHUNK elements.
// Holes: COUNT CHUNK PARAM RULE WAITS; ARG_G ARG_STATE ARG_W ARG_V.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const StepState *state = t[ARG_STATE];
    if (state->stop || (WAITS && !state->last))
        return;
    const ParamRates *rate = (const ParamRates *)(state + 1) + PARAM;
    const float *g = t[ARG_G];
    float *w = t[ARG_W], *v = t[ARG_V];
    long i = item * CHUNK, end = i + CHUNK < COUNT ? i + CHUNK : COUNT;
    for (; i + V <= end; i += V) {
        real next = r_load(v, i);
        r_store(w, i, solver_step(RULE, rate, r_load(w, i), &next, r_load(g, i)));
        r_store(v, i, next);
    }
    for (; i < end; i++)
        w[i] = solver_step_one(RULE, rate, w[i], &v[i], g[i]);
}
