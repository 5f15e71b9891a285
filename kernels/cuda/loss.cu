// What training needs of the scores z of one image: the cross entropy log(sum of exp(z - m)) -
// (z_label - m) with m the largest z, its gradient (softmax - onehot) / N, and whether the label is
// among the k largest, ties shared. Label -1: no sample, all 0. A loss that is not finite stops the
// step: no update is applied.
// GROUP lanes of a warp make one image, a lane every GROUP-th vector of its scores; only the first of the
// passes over them comes from memory, they stay in the first cache.
// Holes: N, BLOCKS of V classes, CLASSES, GROUP; HAS_LOSS HAS_GRADIENT; LABEL STATE LOSS; Z GRADIENT and
// their AT, LOAD, STORE; OF_Z GET_Z; LANES_OF CLASS_OF CLASS_STEP; TOPS(X): X(argument, k) for every metric.

// The share of orders among equal scores that put the label among the first k.
INLINE float OWN(top)(float k, float greater, float equal)
{
    float share = equal > 0 ? (k - greater) / equal : 0;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

// One in the lane of block b that is the label's, if any.
INLINE real OWN(onehot)(index b, int label)
{
    real r = R0;
    UNROLL
    for (int i = 0; i < V; i++)
        r.v[i] = CLASS_OF(b) + i * CLASS_STEP == label ? 1.0f : 0.0f;
    return r;
}

extern "C" __global__ void __launch_bounds__(THREADS) KERNEL(PARAMETERS)
{
    TENSORS;
    index n = ((index)blockIdx.x * THREADS + threadIdx.x) / GROUP;
    int first = threadIdx.x % GROUP;
    bool is_image = n < N;
    int label = is_image ? ((const int *)t[LABEL])[n] : -1;
    bool is_sample = label >= 0;
    index end = is_sample ? BLOCKS : 0;                    // sums need all of a warp
    float own = NO_NUMBER;                                 // a label that is no class makes the loss NaN
    if (is_sample && label < CLASSES)
        own = GET_Z(t[Z], OF_Z(n, label, 0, 0));
    real mosts = r_const(-INFINITE), sums = R0, more = R0, same = R0;
    for (index b = first; b < end; b += GROUP)
        mosts = r_max(mosts, r_first_lanes_of(LOAD_Z(t[Z], AT_Z(n, b, 0, 0)), mosts, LANES_OF(n, b)));
    float most = warp_most<GROUP>(lanes_most(mosts));
    for (index b = first; b < end; b += GROUP) {
        real z = LOAD_Z(t[Z], AT_Z(n, b, 0, 0));
        int lanes = LANES_OF(n, b);
        sums = sums + r_first_lanes(r_exp(z - r_const(most)), lanes);
        more = more + r_first_lanes(r_select(z > r_const(own), R1, R0), lanes);
        same = same + r_first_lanes(r_select(z == r_const(own), R1, R0), lanes);
    }
    float sum = warp_sum<GROUP>(lanes_sum(sums));
    float greater = warp_sum<GROUP>(lanes_sum(more)), equal = warp_sum<GROUP>(lanes_sum(same));
#if HAS_GRADIENT
    real scale = r_const(1.0f / (sum * N));
    for (index b = first; is_image && b < BLOCKS; b += GROUP) {
        real p = r_exp(LOAD_Z(t[Z], AT_Z(n, b, 0, 0)) - r_const(most)) * scale;
        real g = r_first_lanes(p - OWN(onehot)(b, label) * r_const(1.0f / N), LANES_OF(n, b));
        STORE_GRADIENT(t[GRADIENT], AT_GRADIENT(n, b, 0, 0), is_sample ? g : R0);
    }
#endif
    if (!is_image || first)
        return;
#if HAS_LOSS
    float loss = is_sample ? logf(sum) - (own - most) : 0.0f;
    ((float *)t[LOSS])[n] = loss;
    if (!(loss - loss == 0))
        state_stop(t[STATE]);
#endif
#define TOP(argument, k) ((float *)t[argument])[n] = is_sample ? OWN(top)(k, greater, equal) : 0.0f;
    TOPS(TOP)
#undef TOP
}
