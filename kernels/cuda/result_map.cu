// A result that is a map: row m is a pixel (or an image's features), columns are channels, padding in.
// Holes: ROWS(q) COLUMNS(q): of the pixels of class q; ROW_CLASSES COLUMN_CLASSES; N; Y and its AT, STORE;
// EPILOGUE.
struct Result {
    __device__ __forceinline__ explicit Result(void *const *) {}
    __device__ __forceinline__ bool is_unwanted(void) const { return false; }

    __device__ __forceinline__ void put(void *const *t, const Job &job, index m, index n, real v) const
    {
        index column = m % COLUMNS(job.q), row = m / COLUMNS(job.q) % ROWS(job.q);
        index image = m / (COLUMNS(job.q) * ROWS(job.q)), b = (job.g * N + n) / V;
        index x = column * COLUMN_CLASSES + job.q % COLUMN_CLASSES;
        index y = row * ROW_CLASSES + job.q / COLUMN_CLASSES;
        STORE_Y(t[Y], AT_Y(image, b, y, x), EPILOGUE(t, v, image, b, y, x));
    }
};
