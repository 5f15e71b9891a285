// The gradients of max pooling, of the normalisation before it and of what stood before that, row
// by row: the gradient of the normalised map is a row in scratch. One item makes one image.
// Holes: those of pool_dx_row.c and lrn_dx_row.c; BLOCKS.
void KERNEL(void *const *t, long item, void *scratch)
{
    float *row = scratch;
    for (long y = 0; y < H; y++) {
        for (long b = 0; b < BLOCKS; b++)
            OWN(pool_dx_row)(t, row + b * (SPAN * V), item, b, y);
        OWN(lrn_dx_row)(t, row + PAD_LEFT * V, SPAN * V, item, y);
    }
}
