// A result that is a part of the terms only: reduce.cu adds up the parts.
// Holes: GROUPS M N; PARTIAL: the argument.
struct Result {
    __device__ __forceinline__ explicit Result(void *const *) {}
    __device__ __forceinline__ bool is_unwanted(void) const { return false; }

    __device__ __forceinline__ void put(void *const *t, const Job &job, index m, index n, real v) const
    {
        r_store(t[PARTIAL], ((index)(job.z * GROUPS + job.g) * M(0) + m) * N + n, v);
    }
};
