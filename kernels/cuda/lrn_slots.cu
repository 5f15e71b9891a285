// lrn_blocks.cu for windows wider than some blocks and for pieces and parts that end inside of one:
// V is 1 and a block a slot for one channel, which may be padding.
// Holes: PART_CHANNELS HALF (of the window, in channels); CHANNEL(b), the channel of slot b, LANES_AT(n, b),
// 0 where it has none; SLOT(0, c, 0, 0), the slot of channel c; K ALPHA; X and its AT, LOAD.

// The channels first .. last that the window of channel c sees.
INLINE index first_near(index c)
{
    index part = c / PART_CHANNELS * PART_CHANNELS;
    return c - HALF < part ? part : c - HALF;
}

INLINE index last_near(index c)
{
    index last = c / PART_CHANNELS * PART_CHANNELS + PART_CHANNELS - 1;
    return c + HALF > last ? last : c + HALF;
}

// d = k + alpha * sum of x^2 of slot b of a pixel; *own is x.
INLINE real lrn_denominator(const void *x, index n, index b, index row, index column, real *own)
{
    real sum = R0;
    *own = LOAD_X(x, AT_X(n, b, row, column));
    index last = LANES_AT(n, b) > 0 ? last_near(CHANNEL(b)) : -1;
    for (index c = first_near(CHANNEL(b)); c <= last; c++) {
        real v = LOAD_X(x, AT_X(n, SLOT(0, c, 0, 0), row, column));
        sum = sum + v * v;
    }
    return real(K) + real(ALPHA) * sum;
}

// The sum over what slot b has near it in `terms`, of which [0] is its own.
INLINE real lrn_sum_near(const float *terms, index b)
{
    real sum = R0;
    index last = LANES_AT(0, b) > 0 ? last_near(CHANNEL(b)) : -1;
    for (index c = first_near(CHANNEL(b)); c <= last; c++)
        sum = sum + real(terms[SLOT(0, c, 0, 0) - b]);
    return sum;
}
