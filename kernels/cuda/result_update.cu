// A result that is a gradient of weights and is applied at once by the solver's step. Nothing when a loss was
// no number.
// Holes: M N; W VELOCITY STATE: arguments; PARAM: whose rates; RULE; STORE_ROUNDED: the copy that
// contractions read, if there is one; RUN RUN_USED as in result_weights.cu.
struct Result {
    ParamRates rates;
    bool stops;

    __device__ __forceinline__ explicit Result(void *const *t)
        : rates(rates_of(t[STATE], PARAM)), stops(((const StepState *)t[STATE])->stop != 0) {}
    __device__ __forceinline__ bool is_unwanted(void) const { return stops; }

    __device__ __forceinline__ void put(void *const *t, const Job &job, index m, index n, real g) const
    {
        index at = (job.g * M(0) + m) * N + n;
        real w = r_load(t[W], at), v = r_load(t[VELOCITY], at);
        g = r_first_lanes(g, RUN_USED - n % RUN);
        w = solver_step<RULE>(rates, w, v, g);
        r_store(t[VELOCITY], at, v);
        r_store(t[W], at, w);
        STORE_ROUNDED(t, at, w);
    }
};
