// One tile of the input gradient of a locally connected layer: WIDTH images x BLOCKS blocks of V input
// channels of one pixel. `place` has the offsets in dy of the `taps` places that read the pixel, `w`
// their weights, turned about: [tap][output channel][input blocks][V]. Appended once for every shape;
// lists as in conv_tile.c, NUMBERS for PIXELS.
NOINLINE void TILE(const float *restrict dy, const float *restrict w, float *restrict dx,
                   const long *restrict place, long taps)
{
#define CLEAR(u, j)  real a##u##_##j = { 0 };
#define LOAD(u, j)   real w##j = r_load(w, j * V);
#define ADD(u, j)    a##u##_##j += w##j * v;
#define STORE(u, j)  r_store(dx, u * DX_IMAGE + j * DX_BLOCK, a##u##_##j);
#define CLEAR_ALL(u) BLOCKS(CLEAR, u)
#define ADD_ALL(u)   { float v = ds[u * DY_IMAGE]; BLOCKS(ADD, u) }
#define STORE_ALL(u) BLOCKS(STORE, u)
    NUMBERS(CLEAR_ALL)
    for (long q = 0; q < taps; q++)
        for (long b = 0; b < OUT_BLOCKS; b++) {
            const float *ds = dy + place[q] + b * DY_BLOCK;
            long count = FILTERS - b * V < V ? FILTERS - b * V : V;
            ROLLED
            for (long k = 0; k < count; k++, ds++, w += IN_BLOCKS * V) {
                KEEP_IN_MEMORY
                BLOCKS(LOAD, 0)
                NUMBERS(ADD_ALL)
            }
        }
    NUMBERS(STORE_ALL)
#undef CLEAR
#undef LOAD
#undef ADD
#undef STORE
#undef CLEAR_ALL
#undef ADD_ALL
#undef STORE_ALL
}
