// The z-th part of a sum of a row, behind the parts of the result; sum_parts.cu adds them up.
// Holes: GROUPS M N SPLIT; SUM_ROWS; PARTIAL: the argument.
INLINE void put_sum(void *const *t, int z, index at, float sum)
{
    ((float *)t[PARTIAL])[SPLIT * GROUPS * M(0) * N + z * (GROUPS * SUM_ROWS) + at] = sum;
}
