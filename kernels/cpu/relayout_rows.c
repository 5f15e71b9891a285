// The same values in another layout, where both sides hold V features side by side: whole vectors
// move, or squares of V images by V features are turned (FROM_IMAGES, TO_IMAGES: lanes run along
// images, as in COLUMNS). One item makes one row of V features of all images.
// Holes: N FROM_IMAGES TO_IMAGES; ARG_X ARG_Y; AT_X AT_Y, by image and row (a lane's row apart).
void KERNEL(void *const *t, long item, void *scratch)
{
    (void)scratch;
#if FROM_IMAGES == TO_IMAGES
    for (long n = 0; n < N; n++)
        r_store(t[ARG_Y], AT_Y(n, item, 0), r_load(t[ARG_X], AT_X(n, item, 0)));
#else
    for (long n = 0; n < N; n += V) {
        real square[V], turned[V];
        for (long i = 0; i < V; i++)
            square[i] = FROM_IMAGES    ? r_load(t[ARG_X], AT_X(n, item, i))
                        : n + i < N    ? r_load(t[ARG_X], AT_X(n + i, item, 0)) : R0;
        for (long i = 0; i < V; i++)
            for (long j = 0; j < V; j++)
                ((float *)turned)[i * V + j] = ((const float *)square)[j * V + i];
        for (long i = 0; i < V; i++)
            if (TO_IMAGES)
                r_store(t[ARG_Y], AT_Y(n, item, i), turned[i]);
            else if (n + i < N)
                r_store(t[ARG_Y], AT_Y(n + i, item, 0), turned[i]);
    }
#endif
}
