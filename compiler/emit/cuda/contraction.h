// What the contractions of the CUDA target share: a description that conv.c and fc.c fill, and the
// kernel made from it.
#ifndef EMIT_CUDA_CONTRACTION_H
#define EMIT_CUDA_CONTRACTION_H
#include "emit/cuda/bodies.h"
#include "emit/cuda/head.h"
#include "emit/cuda/tiles.h"

typedef enum {
    RESULT_MAP,                    // pixels and channels, through the group's epilogue
    RESULT_WEIGHTS,                // the gradient of weights, stored
    RESULT_UPDATE,                 // ... applied by the update that is in the group, too
} CudaResult;

typedef struct Contraction {
    const Node *a, *b;             // the operands: D[m][n] = sum over k of A[m][k] * B[n][k]
    CudaResult  result;
    CudaProblem problem;           // all but the bytes
    int         classes;           // of outputs that see the same taps
    int         bits;              // of a place: windows_bits
    int64_t     run, run_used;     // gradients of weights: columns of a row of taps, and those that are taps
    int64_t     sum_rows;          // ... rows of a group, padding in: what a bias has
    const char *what;              // what a block makes: "pixels x channels"
    LibraryProduct     product;           // what cuBLAS would make of it; m 0: nothing
    void      (*sizes)(Emit *e, const void *of);       // prints M(q) K(q), ROWS(q), ...
    void      (*maps)(Emit *e, const void *of);        // prints A_M A_K B_N B_K
    void      (*patch_maps)(Emit *e, const void *of);  // prints PATCH_M PATCH_TAP B_N B_K, PIXELS, ...
    const void *of;
} Contraction;

// What a group's contraction leaves: its root, behind an epilogue the last node.
const Node *contraction_output(const Group *g);
// True if tensor cores, or FFMA, can read the operands: NHWC, whole vectors, elements of the target's.
bool contraction_reads(const Emit *e, const Node *operand);
// One kernel, or two: the first leaves partial sums, the second (k->pass 1) adds them up in order.
bool contraction_emit(Emit *e, Kern *k, const Contraction *c);
// The update of `gradient` in the group; NULL: none.
const Node *contraction_update(const Group *g, const Node *gradient);
// The gradient of a bias that is made with the weights'; NULL: none.
const Node *contraction_sums(const Group *g);
// put_sum of the head: where those sums go.
bool contraction_print_sums(Emit *e, const Kern *k);
// The arguments that a gradient of weights is written to, and the one of the bias.
void contraction_write_weights(Kern *k);
#endif
