// Small nets as text, with random splits over 2, 3 and 4 devices: pure functions of a seed.
#ifndef REFERENCE_RANDOM_NET_H
#define REFERENCE_RANDOM_NET_H
#include "compile.h"

enum { RANDOM_NET_CLASSES = 12 };

typedef enum {
    RANDOM_ON_DEVICES,                 // split(gpu2, gpu0) { ... }, conv(8, 3) on gpu1
    RANDOM_IN_PARTS                    // split(2) { ... }, conv(8, 3): the same function on one device
} RandomForm;

// To be freed.
char *random_net_text(uint64_t seed, RandomForm form);

// What a net has, seen in its graphs and not in what the generator meant to write.
typedef struct {
    int  devices;
    int  exchanges;                    // values that cross, weights aside
    bool skip;                         // past an `all`: added, multiplied or put beside what stands behind it
    bool lrn, concat;                  // within a split
    bool uneven;                       // parts of more than 8 channels, the last 8 not full
    bool nested, replicate, on, grouped;
} RandomFeatures;

// `logical` was stopped behind "shapes", `placed` behind "simplify" or not at all.
RandomFeatures random_net_features(Compilation *logical, Compilation *placed);
#endif
