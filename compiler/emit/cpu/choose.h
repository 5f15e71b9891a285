// Tile shapes of contractions: how many numbers by how many vectors an accumulator tile holds.
#ifndef EMIT_CHOOSE_H
#define EMIT_CHOOSE_H
#include "emit/emit.h"

// A length cut into tiles that differ by at most one: wide ones first.
typedef struct {
    int wide, wide_tiles;
    int narrow, narrow_tiles;      // narrow == wide - 1; 0 tiles when the length divides
} Cut;
Cut cut_evenly(int64_t length, int most);

// Tiles of at most `most` numbers (pixels, images, channels) x `blocks` vectors; what is left when
// the number of vectors is no multiple is done by tiles of at most `rest_most` x `rest_blocks`.
typedef struct {
    int blocks, most;
    int rest_blocks, rest_most;    // 0: nothing is left
    double efficiency;             // share of multiply-add slots that the tiles can fill, by the model
} TileChoice;

// The widest tile of `blocks` vectors that the register file holds.
int tile_most(const Target *t, int blocks);
// The best tiles for outputs that are `lengths[0..count)` numbers long and `vectors` vectors deep.
TileChoice choose_tiles(const Target *t, const int64_t *lengths, int count, int64_t vectors);
#endif
