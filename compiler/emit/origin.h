// Where the channels of a group that only moves values come from: a copy in another layout, a
// concatenation, a slice, a slice put back.
#ifndef EMIT_ORIGIN_H
#define EMIT_ORIGIN_H
#include "ir/group.h"

// Channels `from`.. of x become channels `to`.. of the root.
typedef struct { const Node *x; int64_t from, to, channels; } Origin;

int    origin_count(const Group *g);
Origin origin_at(const Group *g, int i);
#endif
