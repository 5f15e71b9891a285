// A result that is stored as the gradient of weights: row m is a filter, columns are its taps and channels.
// Holes: M N; RUN: columns of a row of taps, of which the first RUN_USED belong to taps; W and its STORE.
struct Result {
    __device__ __forceinline__ explicit Result(void *const *) {}
    __device__ __forceinline__ bool is_unwanted(void) const { return false; }

    __device__ __forceinline__ void put(void *const *t, const Job &job, index m, index n, real v) const
    {
        STORE_W(t[W], (job.g * M(0) + m) * N + n, r_first_lanes(v, RUN_USED - n % RUN));
    }
};
