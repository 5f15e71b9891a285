// The head lines that contractions share: which accumulators a tile has, and the tile's text once
// for every shape that is needed.
#ifndef EMIT_TILES_H
#define EMIT_TILES_H
#include "emit/cpu/choose.h"
#include "emit/kernel.h"

enum { TILE_SHAPES = 16 };

// The shapes a kernel has tiles of so far; every shape is printed once.
typedef struct {
    struct { int width, blocks; } shape[TILE_SHAPES];
    int count;
} TileSet;

// Appends body `file` as TILE = OWN(tile<width>x<blocks>) unless `set` has it. The lists are
// `numbers`(X) (X(0) X(1) ...) and BLOCKS(X, u) (X(u, 0) X(u, 1) ...).
bool tiles_add(Emit *e, TileSet *set, const char *file, const char *numbers, int width, int blocks);
bool tiles_add_cut(Emit *e, TileSet *set, const char *file, const char *numbers, const Cut *c,
                   int blocks);
// The list TILES(X) of one or two X(tile, first, tiles, width) that cover a cut from its start.
void tiles_print_cut(Emit *e, const Cut *c, int blocks);
#endif
