// One tile of the weight gradient of a fully connected layer: WIDTH features x BLOCKS blocks of V
// outputs, summed over all images in registers and handed to `put`. Lists as in conv_tile.c.
NOINLINE void TILE(const float *restrict x, const float *restrict dy, float *restrict w,
                   float *restrict v, const ParamRates *rates)
{
#define CLEAR(u, j)   real a##u##_##j = { 0 };
#define LOAD(u, j)    real d##j = r_load(dy, j * Y_BLOCK);
#define ADD(u, j)     a##u##_##j += d##j * number;
#define PUT(u, j)     OWN(put)(w, v, u * V + j * W_OUT, a##u##_##j, rates);
#define CLEAR_ALL(u)  BLOCKS(CLEAR, u)
#define ADD_ALL(u)    { float number = x[u * COLUMNS]; BLOCKS(ADD, u) }
#define PUT_ALL(u)    BLOCKS(PUT, u)
    NUMBERS(CLEAR_ALL)
    ROLLED
    for (long n = 0; n < IMAGES; n++, x++, dy += V) {
        KEEP_IN_MEMORY
        BLOCKS(LOAD, 0)
        NUMBERS(ADD_ALL)
    }
    NUMBERS(PUT_ALL)
#undef CLEAR
#undef LOAD
#undef ADD
#undef PUT
#undef CLEAR_ALL
#undef ADD_ALL
#undef PUT_ALL
}
