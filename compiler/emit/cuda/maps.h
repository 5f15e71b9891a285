// What the heads of pooling and normalisation share on GPUs.
#ifndef EMIT_CUDA_MAPS_H
#define EMIT_CUDA_MAPS_H
#include "emit/cuda/head.h"
#include "emit/cuda/bodies.h"

enum {
    MAP_THREADS = 256,
    CUDA_SHARED_BYTES = 48 * 1024      // of a block that does not opt in to more
};

bool cuda_is_map(const Node *n);
// Blocks of `lanes` channels of a pixel, padding in.
int64_t cuda_map_blocks(const Node *n, int lanes);
// True if block b of both tensors holds the same channels.
bool cuda_same_blocks(const Node *a, const Node *b);
// Vectors of `lanes` channels of the whole tensor, and a launch with one thread for each of them.
int64_t cuda_vectors(const Node *n, int lanes);
void cuda_launch_vectors(Kern *k, const Node *n, int lanes, int threads, int64_t shared);
// cuda_open, and RESIDENT, the blocks that a multiprocessor is to hold: without it ptxas saves registers
// for more of them at the cost of spills.
void cuda_map_open(Emit *e, const Kern *k, int lanes, const char *block, const char *thread);

// Pooling (emit/cuda/pool.c): heads and bodies of pool_window and pool_gather.
bool cuda_pool_is_max(const Node *n);
bool cuda_places_fit(const Node *pool);    // a place is a byte
bool cuda_pool_window(Emit *e, const Kern *k, const Node *pool);
void cuda_pool_read(Kern *k, const Node *dx);      // arguments of pool_gather, before kern_read_operands
bool cuda_pool_gather(Emit *e, const Kern *k, const Node *dx);

// How normalisation walks the channels (emit/cuda/lrn.c): blocks of `lanes` of them, of which a window
// reaches into `near` on either side.
typedef struct {
    bool    is_blocks;             // lrn_blocks.cu; false: lrn_slots.cu, one lane
    int     lanes;
    int64_t near;
} LrnWalk;
LrnWalk cuda_lrn_walk(const Node *n);
// K, ALPHA, SLOPE, POWER, INVERSE.
void cuda_lrn_numbers(Emit *e, const LrnAttr *a);
// Head and body of lrn_denominator and lrn_sum_near; x is argument `arg`.
bool cuda_lrn_near(Emit *e, const Node *n, const Node *x, int arg);
// The launch of lrn_dx.cu; what it needs beside GRADIENT, and the body.
bool cuda_lrn_dx_fits(const Node *n);
void cuda_lrn_dx_launch(Kern *k, const Node *n);
bool cuda_lrn_dx(Emit *e, const Kern *k, const Node *n);
#endif
