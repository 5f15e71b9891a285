// What the heads of map kernels (pooling, lrn, pointwise, losses) share.
#ifndef EMIT_MAPS_H
#define EMIT_MAPS_H
#include "emit/cpu/contraction.h"

// Items are the images of `n`: a chain's, or jobs where the group was not scheduled image by image.
void map_items(Kern *k, const Node *n);
// Bytes of all arguments that hold values of nodes.
int64_t map_bytes(const Kern *k);
// Channel blocks of a tensor, padding included.
int64_t map_blocks(const Node *n);

// Pooling (emit/pool.c): heads and bodies of OWN(pool_row) and OWN(pool_dx_row).
bool pool_is_max(const Node *n);
bool pool_row(Emit *e, const Kern *k, const Node *pool, const Node *out);
bool pool_dx_row(Emit *e, const Kern *k, const Node *dx);
int64_t pool_dx_span(const Node *dx);      // pixels of the row that OWN(pool_dx_row) fills
// Normalisation (emit/lrn.c): heads and bodies of OWN(lrn_row) and OWN(lrn_dx_row).
bool lrn_row(Emit *e, const Node *lrn);
bool lrn_dx_row(Emit *e, const Node *dx);
#endif
