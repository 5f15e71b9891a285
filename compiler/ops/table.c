// The table of ops, from the list of ops.
#include "ops/ops.h"

const OpInfo *const op_table[OP_COUNT] = {
#define OP(id, text) [OP_##id] = &op_##text,
#include "ir/op.def"
#undef OP
};
