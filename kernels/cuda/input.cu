// Images from bytes to what the net reads: cropped, mirrored, scaled, the mean subtracted, light added, as
// runtime/data does it on the host, rounding for rounding. Thread i makes V channels of one stored pixel,
// halo and padding (zeros) in; neighbouring threads neighbouring pixels.
//
// An image is bytes[image][channel][row][column]. A view is a window at (top, left) of what is seen
// mirrored or not; `before` is one of the bytes, `after` one of what the mean was subtracted from.
// Holes: COUNT threads that work, BLOCKS of a pixel; BYTES_H BYTES_W BEFORE_H BEFORE_W, of the bytes and of
// what `before` leaves; CHANNELS H W, of the image; TOP LEFT STORED_H STORED_W, of what is stored; HAS_MEAN;
// SCALE OFFSET; AT_Y STORE_Y.
struct View { int top, left, is_mirrored; };
struct Prepared { View before, after; float light[3]; };     // InputDraw in program/prepare.h

// The column of what `v` looks at that its column x, of `width`, shows.
INLINE index column_of(View v, index x, index width) { return v.left + (v.is_mirrored ? width - 1 - x : x); }

INLINE float pixel_of(const u8 *bytes, const float *mean, Prepared d, index n, index c, index y, index x)
{
    index row = d.after.top + y, column = column_of(d.after, x, W);
    index from = (n * CHANNELS + c) * BYTES_H + d.before.top + row;
    float byte = bytes[from * BYTES_W + column_of(d.before, column, BEFORE_W)];
    float v = __fadd_rn(__fmul_rn(SCALE, byte), OFFSET);     // two roundings, as on the host
#if HAS_MEAN
    v -= mean[(c * BEFORE_H + row) * BEFORE_W + column];
#endif
    return v + d.light[c < 3 ? c : 0];
}

extern "C" __global__ void __launch_bounds__(THREADS)
KERNEL(const u8 *__restrict__ bytes, const Prepared *__restrict__ draws, const float *__restrict__ mean,
       void *__restrict__ image)
{
    index i = (index)blockIdx.x * THREADS + threadIdx.x;
    if (i >= COUNT)
        return;
    index b = i % BLOCKS, x = i / BLOCKS % STORED_W - LEFT;
    index y = i / (BLOCKS * STORED_W) % STORED_H - TOP, n = i / (BLOCKS * STORED_W * STORED_H);
    real v = R0;
    if (y >= 0 && y < H && x >= 0 && x < W)
        UNROLL
        for (int k = 0; k < V; k++)
            if (b * V + k < CHANNELS)
                v.v[k] = pixel_of(bytes, mean, draws[n], n, b * V + k, y, x);
    STORE_Y(image, AT_Y(n, b, y, x), v);
}
