// Sums over images and pixels: the gradient of a bias. A block makes SLAB neighbouring vectors of
// channels, a thread every ROWS-th pixel of one of them, in CHAINS sums of its own; the block then adds
// its ROWS sums pairwise. Which pixels are added to which, and when, is the same in every run.
// A warp reads SLAB vectors of 32 / SLAB pixels: whole sectors.
// Holes: PIXELS of all images (H W of one), BLOCKS of V channels, SLAB ROWS CHAINS; X Y and their AT,
// LOAD, STORE.
extern "C" __global__ void __launch_bounds__(THREADS, 1) KERNEL(PARAMETERS)
{
    TENSORS;
    __shared__ real sums[ROWS][SLAB];
    int column = threadIdx.x % SLAB, row = threadIdx.x / SLAB;
    index b = (index)blockIdx.x * SLAB + column;
    real chain[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++)
        chain[i] = R0;
#define ADD(i, p) chain[i] = chain[i] + LOAD_X(t[X], AT_X((p) / (H * W), b, (p) % (H * W) / W, (p) % W))
    if (b < BLOCKS) {
        index p = row;
        for (; p + (CHAINS - 1) * ROWS < PIXELS; p += CHAINS * ROWS) {
            UNROLL
            for (int i = 0; i < CHAINS; i++)
                ADD(i, p + i * ROWS);
        }
        for (; p < PIXELS; p += ROWS)
            ADD(0, p);
    }
#undef ADD
    UNROLL
    for (int half = CHAINS / 2; half; half /= 2)
        UNROLL
        for (int i = 0; i < half; i++)
            chain[i] = chain[i] + chain[i + half];
    sums[row][column] = chain[0];
    UNROLL
    for (int half = ROWS / 2; half; half /= 2) {
        __syncthreads();
        if (row < half)
            sums[row][column] = sums[row][column] + sums[row + half][column];
    }
    if (row == 0 && b < BLOCKS)
        STORE_Y(t[Y], AT_Y(0, b, 0, 0), sums[0][column]);
}
