// Random nets of pools, normalisations, pointwise chains, concatenations and slices, for the memory-bound
// bodies of every target. Their channels, pieces and batches rarely fill vectors.
#ifndef REFERENCE_MAP_NET_H
#define REFERENCE_MAP_NET_H
#include "reference/small_net.h"

// Images cut out of a batch and put together again, in their order, turned, and some of them twice: maps
// in place and the features of fully connected layers, which stand otherwise.
void batch_net(SmallNet *s, unsigned seed);
// Adds a whole net, loss included, to the open graph.
void map_net(SmallNet *s, unsigned seed);
#endif
