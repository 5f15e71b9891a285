// Pooling of a map: thread i makes V channels of one pooled pixel, neighbouring threads neighbouring
// channels, a block neighbouring pixels, so that what their windows share comes out of the caches.
// Holes: COUNT threads that work, BLOCKS of a pixel, OUT_H OUT_W STRIDE_H STRIDE_W PAD_TOP PAD_LEFT
// HAS_PLACES and those of pool_window.cu; X Y and their AT, LOAD, STORE; PLACES AT_PLACES; EPILOGUE.

// The taps of the window whose first is at row y0, column x0 of the map.
struct MapTaps {
    const void *map;
    index n, b, y0, x0;
    __device__ __forceinline__ real at(index i, index j) const
    {
        return LOAD_X(map, AT_X(n, b, y0 + i, x0 + j));
    }
};

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT) KERNEL(PARAMETERS)
{
    TENSORS;
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % OUT_W, y = i / (BLOCKS * OUT_W) % OUT_H;
    index n = i / (BLOCKS * OUT_W * OUT_H);
    MapTaps taps = { t[X], n, b, y * STRIDE_H - PAD_TOP, x * STRIDE_W - PAD_LEFT };
    Places<V> place;
    real v = pool_window(taps, clip_window(taps.y0, taps.x0), &place);
#if HAS_PLACES
    r_store_places(t[PLACES], AT_PLACES(n, b, y, x), place);
#endif
    STORE_Y(t[Y], AT_Y(n, b, y, x), EPILOGUE(t, v, n, b, y, x));
}
