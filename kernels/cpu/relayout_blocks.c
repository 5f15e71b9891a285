// Whole blocks of channels move: a concatenation, a slice, a slice put back among zeros, or a map
// with another halo. One item makes one image.
// Holes: H W; ARG_Y AT_Y; SOURCES(X): X(argument, address, first block there, first block here,
// blocks), ZEROS(X): X(first block here, blocks) for what no source fills.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
#define MOVE(arg, at, from, to, blocks)                                                     \
    for (long b = 0; b < (blocks); b++)                                                     \
        for (long y = 0; y < H; y++)                                                        \
            for (long x = 0; x < W; x++)                                                    \
                r_store(t[ARG_Y], AT_Y(item, (to) + b, y, x),                               \
                        r_load(t[arg], at(item, (from) + b, y, x)));
#define CLEAR(to, blocks)                                                                   \
    for (long b = 0; b < (blocks); b++)                                                     \
        for (long y = 0; y < H; y++)                                                        \
            for (long x = 0; x < W; x++)                                                    \
                r_store(t[ARG_Y], AT_Y(item, (to) + b, y, x), R0);
    SOURCES(MOVE)
    ZEROS(CLEAR)
#undef MOVE
#undef CLEAR
}
