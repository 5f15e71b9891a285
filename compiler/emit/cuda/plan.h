// Plan files: which tile every contraction gets, as text that can be read, edited and checked in. What
// a plan says wins over the cost model; what it leaves out the model chooses.
//
//     cleave plan 1
//     # target     m x n x k of a group             16 bytes of a, b run along
//     cuda:sm_90a 21632x384x2304 groups 1 along k,k : tile 128x128x32 warps 64x64 stages 3 split 1
//
// `: cublas` instead of a tile: the product is cuBLAS'.
// A row that ends in `patch` keeps the pixels of a block's windows in shared memory (tiles.h).
// `along m` (a) or `along n` (b) where neighbouring bytes of an operand are neighbouring rows or columns.
#ifndef EMIT_CUDA_PLAN_H
#define EMIT_CUDA_PLAN_H
#include "base/diag.h"
#include "emit/cuda/tiles.h"

typedef struct CudaPlan CudaPlan;

// A plan that says nothing. Every plan remembers what the model chose where it says nothing itself.
CudaPlan *plan_new(Arena *arena);
// Where the plan says nothing, not the model's choice but its shape number `rank` is taken, from 1 (the
// choice) to PLAN_RANKS; the last where there are fewer.
void plan_set_rank(CudaPlan *plan, int rank);
enum { PLAN_RANKS = 16 };
// Reads a plan's text, kept by reference as a source of `diag`. NULL when something was reported: rows
// that do not parse, tiles that the body cannot do, a row that is there twice.
CudaPlan *plan_read(Arena *arena, Diag *diag, const char *path, const char *text, int length);
// The tile of a row for this problem, or NULL. `plan` may be NULL.
const CudaTile *plan_find(const CudaPlan *plan, const Target *target, const CudaProblem *p);
// What the plan says, else the model's choice; `from_plan` says which.
CudaChoice plan_choose(const CudaPlan *plan, const Target *target, const CudaProblem *p, bool *from_plan);
// "21632x384x2304 groups 1 along k,k : tile 128x128x32 ...", with the target before it: one row without
// its newline, in the arena.
const char *plan_row(Arena *arena, const Target *target, const CudaProblem *p, const CudaTile *tile);
#define PLAN_FIRST_LINE "cleave plan 1\n"
#endif
