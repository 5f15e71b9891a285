// The register tiles of contractions: in, what is to be covered; out, the tile that fills the
// multiply-add units best. A tile of u numbers x b vectors needs u*b accumulators, b weight vectors
// and one number spread over a vector, and does u*b multiply-adds for u + b loads.
#include "emit/cpu/choose.h"

enum {
    SPARE          = 1,    // a register that the compiler wants for itself
    LATENCY        = 8,    // accumulators that keep two pipes of four cycles busy
    MOST_BLOCKS    = 4,    // streams of weights at once; more lose (docs/kernels-cpu.md)
    MOST_TILE      = 28,   // numbers in a tile: longer function bodies gain nothing
};

Cut cut_evenly(int64_t length, int most)
{
    int64_t tiles = (length + most - 1) / most;
    int64_t wide = (length + tiles - 1) / tiles;
    Cut c = { .wide = (int)wide, .narrow = (int)wide - 1 };
    c.narrow_tiles = (int)(tiles * wide - length);
    c.wide_tiles = (int)tiles - c.narrow_tiles;
    return c;
}

int tile_most(const Target *t, int blocks)
{
    int left = t->registers - SPARE - blocks;
    if (t->vector < 16)
        left -= t->registers > 16 ? 2 : 1;     // AVX-512 alone spreads a number from memory
    if (!t->has_fma)
        left--;                                // a product needs a register of its own
    int most = left / blocks;
    return most < 1 ? 1 : most > MOST_TILE ? MOST_TILE : most;
}

// Cycles a step of a tile takes, in multiply-adds: bound by arithmetic, by loads, or by latency.
static double step_cost(int u, int b)
{
    double cost = u * b;
    if (cost < u + b)
        cost = u + b;
    return cost < LATENCY ? LATENCY : cost;
}

static double cut_cost(const int64_t *lengths, int count, int most, int blocks)
{
    double cost = 0;
    for (int i = 0; i < count; i++) {
        if (lengths[i] < 1)
            continue;
        Cut c = cut_evenly(lengths[i], most);
        cost += c.wide_tiles * step_cost(c.wide, blocks);
        if (c.narrow_tiles)
            cost += c.narrow_tiles * step_cost(c.narrow, blocks);
    }
    return cost;
}

TileChoice choose_tiles(const Target *t, const int64_t *lengths, int count, int64_t vectors)
{
    TileChoice best = { 0 };
    double best_cost = 0, work = 0;
    for (int i = 0; i < count; i++)
        work += (double)lengths[i] * (double)vectors;
    for (int b = 1; b <= MOST_BLOCKS && b <= vectors; b++) {
        TileChoice c = { .blocks = b, .most = tile_most(t, b), .rest_blocks = (int)(vectors % b) };
        int64_t full = vectors / b;
        double cost = (double)full * cut_cost(lengths, count, c.most, b);
        if (c.rest_blocks) {
            c.rest_most = tile_most(t, c.rest_blocks);
            cost += cut_cost(lengths, count, c.rest_most, c.rest_blocks);
        }
        c.efficiency = work / cost;
        // Fewer streams win unless more are clearly better.
        if (!best.blocks || cost < best_cost * 0.98) {
            best = c;
            best_cost = cost;
        }
    }
    return best;
}
