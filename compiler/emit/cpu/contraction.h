// Questions that the bodies of contractions share.
#ifndef EMIT_CONTRACTION_H
#define EMIT_CONTRACTION_H
#include "emit/cpu/bodies.h"

// True if the channels of `whole` are `groups` runs of `channels` that start at blocks and are cut
// as `part` is: then group g's blocks follow each other from block g * blocks(part).
bool groups_line_up(const Pieces *whole, int groups, const Pieces *part, int64_t channels, int vector);
// True if filters (in pieces `filters`) and output channels stand at the same padded places, and
// every group of them is whole blocks.
bool filters_line_up(const Pieces *filters, const Pieces *out, int64_t channels, int groups,
                     int vector);
// Bytes of a tensor's logical values.
int64_t node_bytes(const Node *n);
// Adds the arguments of a contraction with an epilogue and opens its head: ARG_X and ARG_W are the
// root's inputs, ARG_Y is the group's last output.
void contraction_open(Emit *e, Kern *k, const char *item);
// head_epilogue, and HAS_EPILOGUE: whether it does anything.
bool contraction_epilogue(Emit *e, Kern *k, Lanes lanes);
#endif
