// Rounds the gradient that the loss's own body, here EXACT, has just made of one image.
// Holes: EXACT BLOCKS ARG_GRADIENT AT_GRADIENT.
void KERNEL(void *const *t, long item, void *scratch)
{
    EXACT(t, item, scratch);
    for (long b = 0; b < BLOCKS; b++) {
        real v = r_load(t[ARG_GRADIENT], AT_GRADIENT(item, b, 0, 0));
        r_store_tf32(t[ARG_GRADIENT], AT_GRADIENT(item, b, 0, 0), v);
    }
}
