// A sum of a row is the gradient of a bias and is applied at once, as in result_update.cu.
// Holes: BIAS BIAS_VELOCITY STATE: arguments; BIAS_PARAM: whose rates; BIAS_RULE.
INLINE void put_sum(void *const *t, int, index at, float g)
{
    ParamRates rates = rates_of(t[STATE], BIAS_PARAM);
    float *w = (float *)t[BIAS] + at, *v = (float *)t[BIAS_VELOCITY] + at;
    *w = solver_step<BIAS_RULE>(rates, *w, *v, g);
}
