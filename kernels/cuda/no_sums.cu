// A contraction of which nobody wants the sums of rows: row_sums.cu and sum_parts.cu, left empty.
struct RowSums {
    __device__ __forceinline__ void add(const Job &, u32) {}
    __device__ __forceinline__ void put(void *const *, const Job &) const {}
};

INLINE void add_parts(void *const *, index) {}
