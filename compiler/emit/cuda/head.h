// What heads of CUDA kernels have beside those of emit/kernel.h.
//
// A CUDA kernel is extern "C" __global__ void KERNEL(PARAMETERS): one pointer for each argument, in
// the order of kern_read and kern_write. Its first line is TENSORS, which makes t[] of them, so that
// EPILOGUE(t, v, n, b, y, x) and the addresses of emit/kernel.h work as on a CPU. V is the number of
// lanes of a `real`: neighbouring channels, which NHWC keeps side by side; b counts such blocks.
//
// The order in which a body's emit function works:
//     kern_read(...), ..., kern_read_operands(k);     all arguments first: read ones,
//     kern_write(...) or kern_write_outputs(k);       then written ones
//     cuda_launch(k, grid, threads, shared);
//     cuda_open(e, k, lanes, ...);
//     head_constant, cuda_tensor, ..., head_epilogue, head_body.
//
// Texts hold nothing of the user's: no names, only numbers; the same net with other names gives the
// same bytes.
#ifndef EMIT_CUDA_HEAD_H
#define EMIT_CUDA_HEAD_H
#include "emit/kernel.h"

// Blocks, threads a block (a multiple of 32, at most 1024), bytes of dynamic shared memory a block.
void cuda_launch(Kern *k, int64_t x, int64_t y, int64_t z, int threads, int64_t shared);
// The comment that opens a kernel, V, real, KERNEL, PARAMETERS, TENSORS, THREADS. `block` and
// `thread` say what one of each makes: "one pixel, all channels".
void cuda_open(Emit *e, const Kern *k, int lanes, const char *block, const char *thread);
// For a tensor a body reads or writes itself: `name` is its index in t[], AT_name its address (as
// head_address), LOAD_name(p, at) and STORE_name(p, at, v) its loads and stores, by element.
void cuda_tensor(Emit *e, const char *name, int arg, const Node *n);
// For a tensor of which a body reads single elements: OF_name its address by logical element (as
// head_element), GET_name(p, at) one of its elements as a float.
void cuda_elements(Emit *e, const char *name, const Node *n);
// An update: its parameter, the velocity and, where there is one, the rounded copy, all written; the bytes
// that it moves, besides the gradient; and, in the head, W, VELOCITY, STATE, PARAM (whose rates) and
// STORE_ROUNDED(t, at, w), which stores the new weights in the copy, at the same place.
void cuda_write_weights(Kern *k, const Node *param);
int64_t cuda_update_bytes(const Node *param);
void cuda_weights(Emit *e, const Kern *k, const Node *update);
// Bytes of a tensor as it is stored, padding and halo in.
int64_t cuda_bytes(const Node *n);
// Of all arguments, each once: what a kernel moves that reads and writes every element once.
int64_t cuda_argument_bytes(const Kern *k);
// Blocks of so many threads that make `count` items, one a thread.
int64_t cuda_blocks(int64_t count, int threads);
#endif
