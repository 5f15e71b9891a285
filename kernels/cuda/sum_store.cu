// A sum of a row that is stored: the gradient of a bias. SUM: the argument, floats.
INLINE void put_sum(void *const *t, int, index at, float sum) { ((float *)t[SUM])[at] = sum; }
