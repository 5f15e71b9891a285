// What training needs of the scores z of one image, in one pass over a panel: the cross entropy
// log(sum of exp(z - m)) - (z_label - m), its gradient (softmax - onehot) / N, and whether the label
// is among the k largest, ties shared. Label -1: no sample, all 0. A loss that is not finite stops
// the step: no update is applied. One item makes one image.
// Holes: N BLOCKS CLASSES; HAS_LOSS HAS_GRADIENT; ARG_Z ARG_LABEL ARG_STATE ARG_LOSS ARG_GRADIENT;
// AT_Z AT_GRADIENT ELEMENT_Z ELEMENT_GRADIENT LANES_OF; TOPS(X): X(argument, k) for every metric.

// How many scores are more than (or as large as) the label's; a NaN is neither.
INLINE void OWN(rank)(void *const *t, long n, float own, float *greater, float *equal)
{
    vector_mask more = { 0 }, same = { 0 };
    for (long b = 0; b < BLOCKS; b++) {
        real z = r_load(t[ARG_Z], AT_Z(n, b, 0, 0));
        real_mask in = r_lane_is_below(LANES_OF(n, b));
        more -= in & (z > r_const(own));
        same -= in & (z == r_const(own));
    }
    *greater = *equal = 0;
    for (long i = 0; i < V; i++) {
        *greater += (float)more[i];
        *equal += (float)same[i];
    }
}

INLINE float OWN(top)(float k, float greater, float equal)
{
    float share = equal > 0 ? (k - greater) / equal : 0;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

INLINE void OWN(no_sample)(void *const *t, long n)
{
#if HAS_LOSS
    ((float *)t[ARG_LOSS])[n] = 0;
#endif
#if HAS_GRADIENT
    for (long b = 0; b < BLOCKS; b++)
        r_store(t[ARG_GRADIENT], AT_GRADIENT(n, b, 0, 0), R0);
#endif
#define NO_TOP(argument, k) ((float *)t[argument])[n] = 0;
    TOPS(NO_TOP)
#undef NO_TOP
}

void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
    long label = ((const int32_t *)t[ARG_LABEL])[item];
    if (label < 0) {
        OWN(no_sample)(t, item);
        return;
    }
    bool is_class = label < CLASSES;               // what is none makes the loss NaN
    float own = is_class ? ((const float *)t[ARG_Z])[ELEMENT_Z(item, label, 0, 0)] : __builtin_nanf("");
#if HAS_LOSS || HAS_GRADIENT
    real most = r_const(-__builtin_inff()), sums = R0;
    for (long b = 0; b < BLOCKS; b++) {
        real z = r_load(t[ARG_Z], AT_Z(item, b, 0, 0));
        most = r_max(most, r_select(r_lane_is_below(LANES_OF(item, b)), z, most));
    }
    real m = r_const(vector_most(most));
    for (long b = 0; b < BLOCKS; b++) {
        real e = r_exp(r_load(t[ARG_Z], AT_Z(item, b, 0, 0)) - m);
        sums += r_first_lanes(e, LANES_OF(item, b));
    }
    float sum = vector_sum(sums);
#endif
#if HAS_LOSS
    float loss = scalar_log(sum) - (own - m[0]);
    ((float *)t[ARG_LOSS])[item] = loss;
    if (!(loss - loss == 0))
        __atomic_store_n(&((StepState *)t[ARG_STATE])->stop, 1, __ATOMIC_RELAXED);
#endif
#if HAS_GRADIENT
    real scale = R1 / r_const(sum * N);
    for (long b = 0; b < BLOCKS; b++) {
        real e = r_exp(r_load(t[ARG_Z], AT_Z(item, b, 0, 0)) - m);
        r_store(t[ARG_GRADIENT], AT_GRADIENT(item, b, 0, 0),
                r_first_lanes(e * scale, LANES_OF(item, b)));
    }
    if (is_class)
        ((float *)t[ARG_GRADIENT])[ELEMENT_GRADIENT(item, label, 0, 0)] -= 1.0f / N;
#endif
    float greater, equal;
    OWN(rank)(t, item, own, &greater, &equal);
#define TOP(argument, k) ((float *)t[argument])[item] = OWN(top)(k, greater, equal);
    TOPS(TOP)
#undef TOP
}
