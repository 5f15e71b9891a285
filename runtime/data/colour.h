// The principal components of the colours of a training set: what `light` draws along.
#ifndef RUNTIME_DATA_COLOUR_H
#define RUNTIME_DATA_COLOUR_H
#include <stdint.h>

// Of bytes, over all pixels; whole numbers, so any order of adding gives the same.
typedef struct { uint64_t pixels, sum[3], product[3][3]; } ColourSums;

void colour_add(ColourSums *c, const uint8_t *pixels, int64_t plane);     // three planes
void colour_join(ColourSums *c, const ColourSums *more);
// components[i]: an eigenvector of the covariance (red, green, blue) times the standard deviation
// along it, the largest first. The sign is such that the largest entry is positive.
void colour_components(const ColourSums *c, double components[3][3]);
#endif
