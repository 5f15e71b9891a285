// The solver's step, elementwise on stored values (padding has no gradient and stays zero). Does nothing
// after a loss that was not a number, nor, where it WAITS, before a step's last batch.
// Thread i makes V neighbouring elements.
// Holes: COUNT, a multiple of V; PARAM RULE WAITS; G STATE W VELOCITY STORE_ROUNDED; LOAD_G.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = ((index)blockIdx.x * THREADS + threadIdx.x) * V;
    const StepState *state = (const StepState *)t[STATE];
    if (state->stop || (WAITS && !state->last) || i >= COUNT)
        return;
    ParamRates rate = rates_of(t[STATE], PARAM);
    real w = r_load(t[W], i), v = r_load(t[VELOCITY], i), g = LOAD_G(t[G], i);
    w = solver_step<RULE>(rate, w, v, g);
    r_store(t[VELOCITY], i, v);
    r_store(t[W], i, w);
    STORE_ROUNDED(t, i, w);
}
