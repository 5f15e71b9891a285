// In: tile shapes. Out: the lists of accumulators and the tile bodies of a kernel's text.
#include "emit/cpu/tiles.h"

// BLOCKS(X, u) X(u, 0) X(u, 1) ... or PIXELS(X) X(0) X(1) ...
static void print_list(Emit *e, const char *name, const char *first, int count)
{
    char macro[HEAD_NAME];
    snprintf(macro, sizeof macro, "%s(X%s)", name, *first ? ", u" : "");
    head_list(e, macro);
    for (int i = 0; i < count; i++)
        fprintf(e->text, " X(%s%d)", first, i);
    fputc('\n', e->text);
}

bool tiles_add(Emit *e, TileSet *set, const char *file, const char *numbers, int width, int blocks)
{
    for (int i = 0; i < set->count; i++)
        if (set->shape[i].width == width && set->shape[i].blocks == blocks)
            return true;
    if (set->count == TILE_SHAPES) {
        snprintf(e->err, PROGRAM_ERROR, "internal error: more than %d tile shapes", TILE_SHAPES);
        return false;
    }
    set->shape[set->count].width = width;
    set->shape[set->count++].blocks = blocks;
    print_list(e, numbers, "", width);
    print_list(e, "BLOCKS", "u, ", blocks);
    head_define(e, "TILE", "OWN(tile%dx%d)", width, blocks);
    return head_body(e, file);
}

bool tiles_add_cut(Emit *e, TileSet *set, const char *file, const char *numbers, const Cut *c,
                   int blocks)
{
    return (!c->wide_tiles || tiles_add(e, set, file, numbers, c->wide, blocks)) &&
           (!c->narrow_tiles || tiles_add(e, set, file, numbers, c->narrow, blocks));
}

void tiles_print_cut(Emit *e, const Cut *c, int blocks)
{
    int covered = c->wide_tiles * c->wide;
    head_list(e, "TILES(X)");
    if (c->wide_tiles)
        fprintf(e->text, " X(OWN(tile%dx%d), 0, %d, %d)", c->wide, blocks, c->wide_tiles, c->wide);
    if (c->narrow_tiles)
        fprintf(e->text, " X(OWN(tile%dx%d), %d, %d, %d)", c->narrow, blocks, covered,
                c->narrow_tiles, c->narrow);
    fputc('\n', e->text);
}
