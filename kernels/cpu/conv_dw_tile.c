// One tile of a weight gradient: WIDTH input numbers that follow each other (channels, and taps of
// one row) x BLOCKS blocks of V output channels. The sums stay in registers over `rows` rows of the
// output gradient. Appended once for every shape; lists as in conv_tile.c.
NOINLINE void TILE(const float *restrict x, const float *restrict dy, float *restrict dw, long rows)
{
#define TAKE(u, j)    real a##u##_##j = r_load(dw, u * V + j * W_OUT);
#define LOAD(u, j)    real d##j = r_load(ds, j * Y_BLOCK);
#define ADD(u, j)     a##u##_##j += d##j * v;
#define STORE(u, j)   r_store(dw, u * V + j * W_OUT, a##u##_##j);
#define TAKE_ALL(u)   BLOCKS(TAKE, u)
#define ADD_ALL(u)    { float v = xs[u]; BLOCKS(ADD, u) }
#define STORE_ALL(u)  BLOCKS(STORE, u)
    NUMBERS(TAKE_ALL)
    for (long h = 0; h < rows; h++, x += X_STEP, dy += Y_ROW) {
        const float *xs = x, *ds = dy;
        ROLLED
        for (long w = 0; w < OUT_W; w++, xs += X_PIXEL, ds += V) {
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
