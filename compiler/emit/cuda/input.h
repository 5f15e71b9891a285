// The preparation of images on a GPU (program/prepare.h) as one kernel from bytes to the net's input.
#ifndef EMIT_CUDA_INPUT_H
#define EMIT_CUDA_INPUT_H
#include "program/prepare.h"
#include "emit/kernel.h"

// Prints the kernel k->symbol(const uint8_t *bytes, const InputDraw *, const float *mean, void *image) that
// makes `input`, an INPUT node with an NHWC layout, and fills the facts of its launch. False: it has none.
bool cuda_input_emit(Emit *e, Kern *k, const Node *input, const InputStages *s);
#endif
