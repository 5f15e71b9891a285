// The input gradient of normalisation across channels. One item makes one image.
// Holes: those of lrn_dx_row.c; H; ARG_DY; AT_DY.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    for (long y = 0; y < H; y++)
        OWN(lrn_dx_row)(t, (const float *)t[ARG_DY] + AT_DY(item, 0, y, 0),
                        AT_DY(0, 1, 0, 0) - AT_DY(0, 0, 0, 0), item, y);
}
