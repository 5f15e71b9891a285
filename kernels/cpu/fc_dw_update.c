// What fc_dw_tile.c does with a gradient: the solver's step, v = momentum v - decay lr w - lr g,
// w = w + v. The gradient itself is stored nowhere.
INLINE void OWN(put)(float *w, float *v, long at, real g, const ParamRates *rates)
{
    real old = r_load(w, at);
    real step = r_load(v, at) * rates->momentum - old * (rates->decay * rates->lr) - g * rates->lr;
    r_store(v, at, step);
    r_store(w, at, old + step);
}
