// Whole vectors of channels move: a concatenation, a slice, a slice put back among zeros, another
// element, another place. Thread i makes one vector of one pixel, neighbouring threads neighbouring
// vectors, so that a warp reads and writes whole sectors.
// Holes: COUNT threads that work, BLOCKS of a pixel, H W; Y AT_Y STORE_Y; SOURCES(X): X(argument, load,
// address, first block there, first block here, blocks, first image there, first image here, images); what
// no source fills is zero.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % W, y = i / (BLOCKS * W) % H, n = i / (BLOCKS * W * H);
    real v = R0;
#define MOVE(argument, load, at, from, to, blocks, from_image, to_image, images)               \
    if (b >= (to) && b < (to) + (blocks) && n >= (to_image) && n < (to_image) + (images)) \
        v = load(t[argument], at(n - (to_image) + (from_image), b - (to) + (from), y, x));
    SOURCES(MOVE)
#undef MOVE
    STORE_Y(t[Y], AT_Y(n, b, y, x), v);
}
