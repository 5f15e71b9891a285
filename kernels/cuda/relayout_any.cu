// Values move one by one, through the address of every logical element: any layouts, pieces and orders
// of features. Thread i makes V channels of one stored pixel, the halo's in, which are zeros.
// Holes: COUNT threads that work, BLOCKS of a pixel; H W of the map, TOP LEFT STORED_H STORED_W with its
// halo; Y AT_Y STORE_Y; LANES_OF CHANNEL_OF CHANNEL_STEP of Y; SOURCES(X): X(argument, element, address,
// first channel there, first channel here, channels, first image there, first image here, images); what no
// source fills is zero.
extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % STORED_W - LEFT, y = i / (BLOCKS * STORED_W) % STORED_H - TOP;
    index n = i / (BLOCKS * STORED_W * STORED_H), lanes = LANES_OF(n, b);
    bool is_halo = y < 0 || y >= H || x < 0 || x >= W;
    real v = R0;
    UNROLL
    for (int lane = 0; lane < V; lane++) {
        index c = CHANNEL_OF(b) + lane * CHANNEL_STEP;
        if (is_halo || lane >= lanes)
            continue;
#define MOVE(argument, element, at, from, to, channels, from_image, to_image, images)                \
        if (c >= (to) && c < (to) + (channels) && n >= (to_image) && n < (to_image) + (images)) \
            v.v[lane] = element(t[argument], at(n - (to_image) + (from_image), c - (to) + (from), y, x));
        SOURCES(MOVE)
#undef MOVE
    }
    STORE_Y(t[Y], AT_Y(n, b, y, x), v);
}
