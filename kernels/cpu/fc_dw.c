// Weight gradient of a fully connected layer, stored or applied at once (put). One item is
// TILE_COUNT tiles of features with all outputs and all images: their inputs stay in the second
// cache while the weights stream by.
//   OUTPUTS(X)  X(wide tile, narrow tile, first block of outputs, groups, blocks a group)
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const float *x = t[ARG_X], *dy = t[ARG_DY];
    float *w = t[ARG_W], *v = t[ARG_V];
    const ParamRates *rates = NULL;
#if IS_UPDATE
    const StepState *state = t[ARG_STATE];
    if (state->stop)
        return;
    rates = (const ParamRates *)(state + 1) + PARAM;
#endif
    long first = item * TILE_COUNT, last = first + TILE_COUNT < ALL_TILES ? first + TILE_COUNT : ALL_TILES;
#define OUTPUT_RUN(wide, narrow, block, groups, blocks)                                          \
    for (long b = block; b < block + groups * blocks; b += blocks)                               \
        for (long q = first; q < last; q++) {                                                    \
            long i = TILE_FEATURE(q), at = b * W_OUT + i * V;                                    \
            (q < WIDE_TILES ? wide : narrow)(x + i * COLUMNS, dy + b * Y_BLOCK, w + at, v + at,  \
                                             rates);                                             \
        }
    OUTPUTS(OUTPUT_RUN)
#undef OUTPUT_RUN
}
