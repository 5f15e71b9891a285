// Values move one by one, through the address of every logical element: any layouts, any channels.
// One item makes one image.
// Holes: H W (of the map; a flat side is addressed by TO or by the address of its source); ARG_Y;
// TO(n, c, y, x); SOURCES(X): X(argument, address, first channel there, first channel here,
// channels), ZEROS(X): X(first channel here, channels) for what no source fills.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    float *out = t[ARG_Y];
#define MOVE(arg, at, from, to, channels)                                                    \
    for (long c = 0; c < (channels); c++)                                                    \
        for (long y = 0; y < H; y++)                                                         \
            for (long x = 0; x < W; x++)                                                     \
                out[TO(item, (to) + c, y, x)] = ((const float *)t[arg])[at(item, (from) + c, y, x)];
#define CLEAR(to, channels)                                                                  \
    for (long c = 0; c < (channels); c++)                                                    \
        for (long y = 0; y < H; y++)                                                         \
            for (long x = 0; x < W; x++)                                                     \
                out[TO(item, (to) + c, y, x)] = 0;
    SOURCES(MOVE)
    ZEROS(CLEAR)
#undef MOVE
#undef CLEAR
}
