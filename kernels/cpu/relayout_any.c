// Values move one by one, through the address of every logical element: any layouts, any channels.
// One item makes one image.
// Holes: H W (of the map; a flat side is addressed by TO or by the address of its source); ARG_Y;
// TO(n, c, y, x); SOURCES(X): X(argument, address, first channel there, first channel here, channels,
// first image there, first image here, images), ZEROS(X): X(first channel here, channels, 0, first image
// here, images) for what no source fills.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    float *out = t[ARG_Y];
#define EACH(to_image, images, channels)                                                     \
    if (item >= (to_image) && item < (to_image) + (images))                                  \
        for (long c = 0; c < (channels); c++)                                                \
            for (long y = 0; y < H; y++)                                                     \
                for (long x = 0; x < W; x++)
#define MOVE(arg, at, from, to, channels, from_image, to_image, images)                      \
    EACH(to_image, images, channels)                                                         \
        out[TO(item, (to) + c, y, x)] =                                                      \
            ((const float *)t[arg])[at(item - (to_image) + (from_image), (from) + c, y, x)];
#define CLEAR(to, channels, from_image, to_image, images)                                    \
    EACH(to_image, images, channels)                                                         \
        out[TO(item, (to) + c, y, x)] = 0;
    SOURCES(MOVE)
    ZEROS(CLEAR)
#undef EACH
#undef MOVE
#undef CLEAR
}
