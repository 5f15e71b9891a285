// The table of the CUDA target's bodies, from kernels.def.
#include "emit/cuda/bodies.h"

const Body cuda_bodies[] = {
#define BODY(id, of, text) \
    { .name = #id, .pattern = PATTERN_##of, .what = text, .takes = cuda_##id##_takes, \
      .emit = cuda_##id##_emit },
#include "emit/cuda/kernels.def"
#undef BODY
    { .name = NULL },
};
