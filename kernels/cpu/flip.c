// Weights for an input gradient: rotated by half a turn, inputs and outputs exchanged within their
// group. One item is one block of input channels of one group, all its filters.
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    const float *w = t[ARG_W];
    float *y = t[ARG_Y];
    long g = item / IN_BLOCKS, b = item % IN_BLOCKS;
    for (long k = 0; k < OUT_BLOCKS; k++)
        for (long tap = 0; tap < TAPS; tap++) {
            const float *from = w + (((g * OUT_BLOCKS + k) * IN_BLOCKS + b) * TAPS + tap) * V * V;
            float *to = y + ((item * OUT_BLOCKS + k) * TAPS + TAPS - 1 - tap) * V * V;
            for (long i = 0; i < V; i++)
                for (long o = 0; o < V; o++)
                    to[o * V + i] = from[i * V + o];
        }
}
