// The family of floating-point arithmetic.
#include "runtime/vgpu/insn/rounding.h"

#include "runtime/vgpu/insn/float.def"

static const InsnRow rows[] = {
#include "runtime/vgpu/insn/table.h"
#include "runtime/vgpu/insn/float.def"
};
const InsnFamily LEVEL(insn_float) = { rows, sizeof rows / sizeof *rows };
