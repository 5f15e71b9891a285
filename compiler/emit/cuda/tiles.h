// Tiles of the CUDA contraction: which there are, what each would take by an analytic model of the
// GPU, and which is chosen. No GPU is needed; measurements may override the choice (the plan file).
#ifndef EMIT_CUDA_TILES_H
#define EMIT_CUDA_TILES_H
#include "ir/target.h"

// A block makes m x n outputs, a warp of it warp_m x warp_n, k terms at a time; `stages` tiles of both
// operands stand in shared memory; split > 1: so many blocks share the terms of one tile, and
// kernels/cuda/reduce.cu adds up what they leave.
// With a patch, all pixels that the taps of a block see stand in shared memory for k channels, twice, and
// only the filters come in stages (kernels/cuda/contraction_patch.cu); of an image that is read in runs, all
// that they see (kernels/cuda/contraction_runs.cu).
// `library`: cuBLAS makes the product, and kernels/cuda/reduce.cu finishes it; there is no tile.
typedef struct { int m, n, k, warp_m, warp_n, stages, split; bool patch, library; } CudaTile;

// What a patch needs to know of windows; taps 0: there is none. Distances count pixels, one row after the
// other, of which windows go from one to the next; in an image read in runs they count elements.
typedef struct {
    bool    is_run;                // a tap is a whole row of taps
    int     taps;
    int64_t channels;              // of a group, padding in: the terms of a tap
    int64_t step;                  // from window to window
    int64_t reach;                 // from a window's first element to its last
    int64_t columns, outputs;      // windows of a row, of an image
    int64_t row_gap, image_gap;    // skipped from a row's last window to the next row's, from image to image
                                   // besides
} CudaPatch;

// D[g][m][n] = sum over k of A[g](m, k) * B[g](n, k).
typedef struct {
    int64_t m, n, k;               // of one group
    int     groups;
    bool    a_along_k, b_along_k;  // 16 neighbouring bytes of the operand have the same m (n)
    bool    may_split;             // the body can leave partial sums
    CudaPatch patch;
    bool    library;               // both operands are matrices, one group: cuBLAS can make the product
    double  unique_bytes;          // what must cross DRAM at least: operands, results, what the epilogue
                                   // reads
    double  epilogue_bytes;        // of an output: what the epilogue reads and stores
} CudaProblem;

typedef enum {
    LIMIT_MATH, LIMIT_SHARED, LIMIT_ISSUE, LIMIT_L2, LIMIT_LATENCY, LIMIT_DRAM
} CudaLimiter;
const char *cuda_limiter_name(CudaLimiter l);      // "tensor cores", "DRAM", ...

typedef struct {
    CudaTile    tile;
    double      seconds;           // predicted, launch included
    CudaLimiter limiter;
    int         blocks_a_sm;       // that the model counts on
} CudaPrice;

// The two cheapest; equal ones when there is only one. `target` says GPU and precision.
typedef struct { CudaPrice best, second; } CudaChoice;

bool       tile_is_legal(const Target *target, const CudaProblem *p, const CudaTile *tile);
CudaPrice  tile_price(const Target *target, const CudaProblem *p, const CudaTile *tile);
CudaChoice choose_tile(const Target *target, const CudaProblem *p);
// At most so many shapes (m, n, k, patch), the cheapest first, each with its best warps, stages and split:
// what is worth measuring. How many there are.
int        rank_tiles(const Target *target, const CudaProblem *p, CudaPrice *to, int most);
// Of a kernel that only moves memory: bytes over the DRAM rate, plus the launch.
double     cuda_seconds_of_bytes(const Target *target, double bytes);
// What the GPU would need if its arithmetic or its DRAM, whichever is the slower, ran at the rate that
// the best published kernels reach. The measure of a prediction.
double     cuda_roofline_seconds(const Target *target, double flops, double bytes);
int        tile_threads(const CudaTile *tile);
// Pixels, or elements, of the largest patch of a tile of m rows.
int64_t    patch_lines(const CudaPatch *p, int m);
// How many of eight neighbouring windows' chunks of 16 bytes stand in one bank of shared memory as an image
// read in runs stands.
int        patch_conflicts(const CudaPatch *p, int size);
int64_t    tile_shared_bytes(const Target *target, const CudaProblem *p, const CudaTile *tile);
#endif
