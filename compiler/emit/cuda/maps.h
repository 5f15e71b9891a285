// What the heads of pooling and normalisation share on GPUs.
#ifndef EMIT_CUDA_MAPS_H
#define EMIT_CUDA_MAPS_H
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum { MAP_THREADS = 256 };

bool cuda_is_map(const Node *n);
// Blocks of `lanes` channels of a pixel, padding in.
int64_t cuda_map_blocks(const Node *n, int lanes);
// True if block b of both tensors holds the same channels.
bool cuda_same_blocks(const Node *a, const Node *b);
// Blocks of a kernel with one thread for each vector of `n`.
void cuda_launch_vectors(Kern *k, const Node *n, int lanes);

// Pooling (emit/cuda/pool.c): heads and bodies of pool_window and pool_gather.
bool cuda_pool_is_max(const Node *n);
bool cuda_places_fit(const Node *pool);    // a place is a byte
bool cuda_pool_window(Emit *e, const Kern *k, const Node *pool);
bool cuda_pool_gather(Emit *e, const Kern *k, const Node *dx);
#endif
