// What follows the sums: EPILOGUE of one row of `blocks` output blocks, in place.
INLINE void OWN(finish)(void *const *t, float *y, long n, long block, long blocks, long row)
{
    if (!HAS_EPILOGUE)
        return;
    for (long b = block; b < block + blocks; b++)
        for (long x = 0; x < OUT_W; x++) {
            long at = Y(n, b, row, x);
            r_store(y, at, EPILOGUE(t, r_load(y, at), n, b, row, x));
        }
}
