// lrn_dx_row.c for pieces and parts that end inside blocks: channel by channel.
// Holes: W C BLOCKS PART_CHANNELS HALF; K ALPHA SLOPE; ARG_X ARG_Y; ELEMENT_X PADDED AT_Y; POWER
// EPILOGUE.
NOINLINE void OWN(lrn_dx_row)(void *const *t, const float *dy, long dy_block, long n, long y)
{
    const float *in = t[ARG_X];
    for (long x = 0; x < W; x++) {
        float d[C], own[C];
        real out[BLOCKS];
        memset(out, 0, sizeof out);
        for (long c = 0; c < C; c++) {
            long part = c / PART_CHANNELS * PART_CHANNELS;
            float sum = 0;
            for (long i = c - HALF; i <= c + HALF; i++)
                if (i >= part && i < part + PART_CHANNELS)
                    sum += in[ELEMENT_X(n, i, y, x)] * in[ELEMENT_X(n, i, y, x)];
            long at = PADDED(0, c, 0, 0);
            d[c] = K + ALPHA * sum;
            own[c] = dy[at / V * dy_block + x * V + at % V] * POWER(r_const(d[c]))[0];
        }
        for (long c = 0; c < C; c++) {
            long part = c / PART_CHANNELS * PART_CHANNELS, at = PADDED(0, c, 0, 0);
            float sum = 0;
            for (long i = c - HALF; i <= c + HALF; i++)
                if (i >= part && i < part + PART_CHANNELS)
                    sum += own[i] * in[ELEMENT_X(n, i, y, x)] / d[i];
            out[at / V][at % V] = own[c] - SLOPE * in[ELEMENT_X(n, c, y, x)] * sum;
        }
        for (long b = 0; b < BLOCKS; b++)
            r_store(t[ARG_Y], AT_Y(n, b, y, x), EPILOGUE(t, out[b], n, b, y, x));
    }
}
