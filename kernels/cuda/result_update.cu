// A result that is a gradient of weights and is applied at once: v = momentum * v - decay * lr * w - lr * g,
// w = w + v. Nothing when a loss was no number.
// Holes: M N; W VELOCITY STATE: arguments; PARAM: whose rates; STORE_ROUNDED: the copy that contractions
// read, if there is one; RUN RUN_USED as in result_weights.cu.
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
        v = real(rates.momentum) * v - real(rates.decay * rates.lr) * w - real(rates.lr) * g;
        r_store(t[VELOCITY], at, v);
        r_store(t[W], at, w + v);
        STORE_ROUNDED(t, at, w + v);
    }
};
