// Input gradient of a fully connected layer. One item is TILE_COUNT tiles of features for all
// images. Outputs are taken CHUNK blocks at a time: the output gradients of a chunk stay in the
// second cache, sums wait in dx between chunks.
//   VECTORS(X)  X(wide tile, narrow tile, first vector of V images, groups, vectors a group)
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const float *dy = t[ARG_X], *w = t[ARG_W];
    float *dx = t[ARG_Y];
    long first = item * TILE_COUNT, last = first + TILE_COUNT < ALL_TILES ? first + TILE_COUNT : ALL_TILES;
    long begin = TILE_FEATURE(first), end = TILE_FEATURE(last);
    for (long i = begin; i < end; i++)
        for (long n = 0; n < COLUMNS; n += V)
            r_store(dx, i * COLUMNS + n, (real){ 0 });
    for (long b = 0; b < OUT_BLOCKS; b += CHUNK) {
        long blocks = OUT_BLOCKS - b < CHUNK ? OUT_BLOCKS - b : CHUNK;
        for (long q = first; q < last; q++) {
            long i = TILE_FEATURE(q);
#define VECTOR_RUN(wide, narrow, vector, groups, vectors)                                        \
            for (long n = vector * V; n < (vector + groups * vectors) * V; n += vectors * V)     \
                (q < WIDE_TILES ? wide : narrow)(w + b * W_OUT + i * V,                          \
                                                 dy + b * V * COLUMNS + n, dx + i * COLUMNS + n, \
                                                 blocks);
            VECTORS(VECTOR_RUN)
#undef VECTOR_RUN
        }
    }
    if (HAS_EPILOGUE)
        for (long i = begin; i < end; i++)
            for (long n = 0; n < COLUMNS; n += V) {
                long at = i * COLUMNS + n;
                r_store(dx, at, EPILOGUE(t, r_load(dx, at), n, i, 0, 0));
            }
}
