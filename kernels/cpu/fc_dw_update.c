// What fc_dw_tile.c does with a gradient: the solver's step. The gradient itself is stored nowhere.
// Holes: RULE.
INLINE void OWN(put)(float *w, float *v, long at, real g, const ParamRates *rates)
{
    real next = r_load(v, at);
    r_store(w, at, solver_step(RULE, rates, r_load(w, at), &next, g));
    r_store(v, at, next);
}
