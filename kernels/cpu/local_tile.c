// One tile of a locally connected layer: WIDTH images x BLOCKS blocks of V output channels at place
// (oy, ox), in registers while all taps and input channels are added up. `w` is at the place's filters.
// Appended once for every shape; lists as in conv_tile.c, NUMBERS for PIXELS.
NOINLINE void TILE(const float *restrict x, const float *restrict w, float *restrict y, long oy, long ox)
{
#define CLEAR(u, j)  real a##u##_##j = { 0 };
#define LOAD(u, j)   real w##j = r_load(ws, j * W_OUT);
#define ADD(u, j)    a##u##_##j += w##j * v;
#define STORE(u, j)  r_store(y, u * Y_IMAGE + j * Y_BLOCK, a##u##_##j);
#define CLEAR_ALL(u) BLOCKS(CLEAR, u)
#define ADD_ALL(u)   { float v = xs[u * X_IMAGE]; BLOCKS(ADD, u) }
#define STORE_ALL(u) BLOCKS(STORE, u)
    NUMBERS(CLEAR_ALL)
    for (long b = 0; b < IN_BLOCKS; b++) {
        long count = COUNT_OF(0, b) < V ? COUNT_OF(0, b) : V;
        for (long r = 0; r < KERNEL_H; r++)
            for (long s = 0; s < KERNEL_W; s++) {
                long iy = oy * STRIDE_H - PAD_TOP + r * DILATION_H;
                long ix = ox * STRIDE_W - PAD_LEFT + s * DILATION_W;
                if (iy < 0 || iy >= IN_H || ix < 0 || ix >= IN_W)
                    continue;
                const float *xs = x + X(0, b, iy, ix);
                const float *ws = w + ((CHANNEL(b) * KERNEL_H + r) * KERNEL_W + s) * V;
                ROLLED
                for (long c = 0; c < count; c++, xs++, ws += W_CHANNEL) {
                    KEEP_IN_MEMORY
                    BLOCKS(LOAD, 0)
                    NUMBERS(ADD_ALL)
                }
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
