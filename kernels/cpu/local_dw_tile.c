// One tile of the weight gradient of a locally connected layer: WIDTH input channels side by side x
// BLOCKS blocks of V output channels at one place, the sums in registers over all images. The first
// `count` channels are stored. Appended once for every shape; lists as in conv_tile.c, NUMBERS for
// PIXELS.
NOINLINE void TILE(const float *restrict x, const float *restrict dy, float *restrict dw, long count)
{
#define CLEAR(u, j)  real a##u##_##j = { 0 };
#define LOAD(u, j)   real d##j = r_load(dy, j * Y_BLOCK);
#define ADD(u, j)    a##u##_##j += d##j * v;
#define STORE(u, j)  r_store(dw, u * W_CHANNEL + j * W_OUT, a##u##_##j);
#define CLEAR_ALL(u) BLOCKS(CLEAR, u)
#define ADD_ALL(u)   { float v = x[u]; BLOCKS(ADD, u) }
#define STORE_ALL(u) if (u < count) { BLOCKS(STORE, u) }
    NUMBERS(CLEAR_ALL)
    ROLLED
    for (long n = 0; n < IMAGES; n++, x += X_IMAGE, dy += Y_IMAGE) {
        KEEP_IN_MEMORY
        BLOCKS(LOAD, 0)
        NUMBERS(ADD_ALL)
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
