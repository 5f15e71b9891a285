// One tile of the input gradient of a fully connected layer: WIDTH features x BLOCKS vectors of V
// images. Adds the products of `blocks` blocks of outputs to what stands in dx. Lists as in
// conv_tile.c.
NOINLINE void TILE(const float *restrict w, const float *restrict dy, float *restrict dx, long blocks)
{
#define TAKE(u, j)    real a##u##_##j = r_load(dx, u * COLUMNS + j * V);
#define LOAD(u, j)    real d##j = r_load(dy, j * V);
#define ADD(u, j)     a##u##_##j += d##j * v;
#define STORE(u, j)   r_store(dx, u * COLUMNS + j * V, a##u##_##j);
#define TAKE_ALL(u)   BLOCKS(TAKE, u)
#define ADD_ALL(u)    { float v = ws[u * V]; BLOCKS(ADD, u) }
#define STORE_ALL(u)  BLOCKS(STORE, u)
    NUMBERS(TAKE_ALL)
    for (long b = 0; b < blocks; b++, w += W_OUT) {
        const float *ws = w;
        ROLLED
        for (long o = 0; o < V; o++, ws++, dy += COLUMNS) {
            KEEP_IN_MEMORY
            BLOCKS(LOAD, 0)
            NUMBERS(ADD_ALL)
        }
    }
    NUMBERS(STORE_ALL)
#undef TAKE
#undef LOAD
#undef ADD
#undef STORE
#undef TAKE_ALL
#undef ADD_ALL
#undef STORE_ALL
}
