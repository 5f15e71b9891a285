// Whole blocks of channels move: a concatenation, a slice, a slice put back among zeros, or a map
// with another halo. One item makes one image.
// Holes: H W; ARG_Y AT_Y; SOURCES(X): X(argument, address, first block there, first block here, blocks,
// first image there, first image here, images), ZEROS(X): X(first block here, blocks, 0, first image
// here, images) for what no source fills.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
#define EACH(to_image, images, blocks)                                                      \
    if (item >= (to_image) && item < (to_image) + (images))                                 \
        for (long b = 0; b < (blocks); b++)                                                 \
            for (long y = 0; y < H; y++)                                                    \
                for (long x = 0; x < W; x++)
#define MOVE(arg, at, from, to, blocks, from_image, to_image, images)                       \
    EACH(to_image, images, blocks)                                                          \
        r_store(t[ARG_Y], AT_Y(item, (to) + b, y, x),                                       \
                r_load(t[arg], at(item - (to_image) + (from_image), (from) + b, y, x)));
#define CLEAR(to, blocks, from_image, to_image, images)                                     \
    EACH(to_image, images, blocks)                                                          \
        r_store(t[ARG_Y], AT_Y(item, (to) + b, y, x), R0);
    SOURCES(MOVE)
    ZEROS(CLEAR)
#undef EACH
#undef MOVE
#undef CLEAR
}
