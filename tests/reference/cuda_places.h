// Places of maxima, as kernels of pools leave them for their gradients.
#ifndef REFERENCE_CUDA_PLACES_H
#define REFERENCE_CUDA_PLACES_H
#include "ir/graph.h"

// Does every place hold a tap of its window on the map that has the largest of `in` (dense values of the
// pool's input), and no earlier one the same? Else the first output of which that is not so; -1: all right.
int64_t cuda_places_wrong(const Node *pool, const double *in, const uint8_t *places);
#endif
