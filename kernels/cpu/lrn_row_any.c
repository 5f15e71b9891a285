// lrn_row.c for pieces and parts that end inside blocks: channel by channel.
// Holes: W C BLOCKS PART_CHANNELS HALF SPAN; K ALPHA; ARG_X; ELEMENT_X PADDED; POWER.
NOINLINE void OWN(lrn_row)(void *const *t, float *row, long n, long y)
{
    const float *in = t[ARG_X];
    memset(row, 0, sizeof(float) * BLOCKS * SPAN * V);
    for (long x = 0; x < W; x++)
        for (long c = 0; c < C; c++) {
            long part = c / PART_CHANNELS * PART_CHANNELS;
            long first = c - HALF < part ? part : c - HALF;
            long end = c + HALF + 1 < part + PART_CHANNELS ? c + HALF + 1 : part + PART_CHANNELS;
            float sum = 0;
            for (long i = first; i < end; i++)
                sum += in[ELEMENT_X(n, i, y, x)] * in[ELEMENT_X(n, i, y, x)];
            long at = PADDED(0, c, 0, 0);
            row[(at / V * SPAN + x) * V + at % V] = in[ELEMENT_X(n, c, y, x)]
                                                    * POWER(r_const(K + ALPHA * sum))[0];
        }
}
