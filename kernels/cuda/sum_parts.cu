// Adds up, in their order, what the blocks have left of one sum of a row.
// Holes: GROUPS M N SPLIT; SUM_ROWS; PARTIAL: the argument; put_sum.
INLINE void add_parts(void *const *t, index i)
{
    const index count = GROUPS * SUM_ROWS;
    const float *parts = (const float *)t[PARTIAL] + SPLIT * GROUPS * M(0) * N;
    if (i >= count)
        return;
    float sum = parts[i];
    for (int z = 1; z < SPLIT; z++)
        sum += parts[z * count + i];
    put_sum(t, 0, i, sum);
}
