// The table of bodies, from kernels.def.
#include "emit/cpu/bodies.h"

const Body cpu_bodies[] = {
#define BODY(id, of, text) \
    { .name = #id, .pattern = PATTERN_##of, .what = text, .takes = id##_takes, .emit = id##_emit },
#include "emit/cpu/kernels.def"
#undef BODY
    { .name = NULL },
};
