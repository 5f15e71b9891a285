// The functions behind the rows of kernels.def: see Body in emit/kernel.h.
#ifndef EMIT_CUDA_BODIES_H
#define EMIT_CUDA_BODIES_H
#include "emit/kernel.h"

#define BODY(name, pattern, what)                                \
    bool cuda_##name##_takes(const Emit *e, const Group *g);     \
    bool cuda_##name##_emit(Emit *e, Kern *k);
#include "emit/cuda/kernels.def"
#undef BODY
#endif
