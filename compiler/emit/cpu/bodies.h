// The functions behind the rows of kernels.def: NAME_takes and NAME_emit, see Body in emit/kernel.h.
#ifndef EMIT_BODIES_H
#define EMIT_BODIES_H
#include "emit/kernel.h"

#define BODY(name, pattern, what)                         \
    bool name##_takes(const Emit *e, const Group *g);     \
    bool name##_emit(Emit *e, Kern *k);
#include "emit/cpu/kernels.def"
#undef BODY
#endif
