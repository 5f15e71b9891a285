// One tile of a convolution: WIDTH outputs of one row x BLOCKS blocks of V output channels, in
// registers while all taps and input channels are added up. The head appends this file once for
// every width and number of blocks, and says by lists which accumulators there are:
//   PIXELS(X)     X(0) X(1) ... X(WIDTH - 1)
//   BLOCKS(X, u)  X(u, 0) X(u, 1) ...
// A step of the innermost loop reads one vector of weights a block and one number a pixel. Named
// accumulators, one step a turn and no inlining: otherwise compilers spill (see docs/kernels-cpu.md).
NOINLINE void TILE(const float *restrict x, const float *restrict w, float *restrict y, long rows,
                   long columns)
{
#define CLEAR(u, j)  real a##u##_##j = { 0 };
#define LOAD(u, j)   real w##j = r_load(ws, j * W_OUT);
#define ADD(u, j)    a##u##_##j += w##j * v;
#define STORE(u, j)  r_store(y, u * Y_PIXEL + j * Y_BLOCK, a##u##_##j);
#define CLEAR_ALL(u) BLOCKS(CLEAR, u)
#define ADD_ALL(u)   { float v = xs[u * X_PIXEL]; BLOCKS(ADD, u) }
#define STORE_ALL(u) BLOCKS(STORE, u)
    PIXELS(CLEAR_ALL)
    for (long b = 0; b < IN_BLOCKS; b++)
        for (long r = 0; r < rows; r++)
            for (long s = 0; s < columns; s++) {
                const float *xs = x + b * X_BLOCK + r * X_TAP_ROW + s * X_TAP_COLUMN;
                const float *ws = w + b * W_BLOCK + r * W_TAP_ROW + s * W_TAP_COLUMN;
                ROLLED
                for (long c = 0; c < IN_LANES; c++, xs++, ws += V) {
                    KEEP_IN_MEMORY
                    BLOCKS(LOAD, 0)
                    PIXELS(ADD_ALL)
                }
            }
    PIXELS(STORE_ALL)
#undef CLEAR
#undef LOAD
#undef ADD
#undef STORE
#undef CLEAR_ALL
#undef ADD_ALL
#undef STORE_ALL
}
