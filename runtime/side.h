// Where the elements of a tensor stand, as sums of table entries: what moves between layouts uses.
#ifndef RUNTIME_SIDE_H
#define RUNTIME_SIDE_H
#include "tensor/layout.h"

// Distances in elements: the offset of (n, c, h, w) is item[n] + channel[c] + h * row + w * column.
typedef struct { int64_t *item, *channel, row, column; } Side;

bool side_open(Side *side, Shape s, const Layout *l);         // false: memory; side_close in any case
void side_close(Side *side);
#endif
