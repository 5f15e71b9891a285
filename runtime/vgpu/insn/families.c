// All families of this level.
#include "runtime/vgpu/insn/lanes.h"

#define FAMILY(name) extern const InsnFamily LEVEL(insn_##name);
#define ALL_FAMILIES \
    FAMILY(integer) FAMILY(bits) FAMILY(float) FAMILY(half) FAMILY(convert) FAMILY(predicate) \
    FAMILY(memory) FAMILY(atomic) FAMILY(async) FAMILY(warp) FAMILY(matrix)
ALL_FAMILIES
#undef FAMILY
#define FAMILY(name) &LEVEL(insn_##name),
const InsnFamily *const LEVEL(insn_families)[FAMILIES] = { ALL_FAMILIES };
