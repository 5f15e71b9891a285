// One tile of a fully connected layer: WIDTH images x BLOCKS blocks of V outputs. Adds the products
// of `count` features to what stands in y. Appended once for every shape; lists as in conv_tile.c.
NOINLINE void TILE(const float *restrict x, const float *restrict w, float *restrict y, long count)
{
#define TAKE(u, j)    real a##u##_##j = r_load(y, u * V + j * Y_BLOCK);
#define LOAD(u, j)    real w##j = r_load(w, j * W_OUT);
#define ADD(u, j)     a##u##_##j += w##j * v;
#define STORE(u, j)   r_store(y, u * V + j * Y_BLOCK, a##u##_##j);
#define TAKE_ALL(u)   BLOCKS(TAKE, u)
#define ADD_ALL(u)    { float v = x[u]; BLOCKS(ADD, u) }
#define STORE_ALL(u)  BLOCKS(STORE, u)
    NUMBERS(TAKE_ALL)
    ROLLED
    for (long i = 0; i < count; i++, x += COLUMNS, w += V) {
        KEEP_IN_MEMORY
        BLOCKS(LOAD, 0)
        NUMBERS(ADD_ALL)
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
