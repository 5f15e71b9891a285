// Random numbers of the data path: pure functions of (seed, epoch, sample, purpose, n), so that
// threads, prefetching and resume change nothing.
#ifndef RUNTIME_DATA_DRAW_H
#define RUNTIME_DATA_DRAW_H
#include <stdint.h>

typedef enum {
    DRAW_SHUFFLE, DRAW_REPLACE, DRAW_PIXELS, DRAW_LABEL, DRAW_CROP, DRAW_MIRROR, DRAW_LIGHT
} DrawPurpose;

typedef struct {
    uint64_t    seed;
    uint32_t    epoch, sample;
    DrawPurpose purpose;
    uint32_t    stage;               // which stage of the pipeline asks: two crops differ
} DrawKey;

void     draw_block(const DrawKey *key, uint32_t n, uint32_t out[4]);     // Philox 4x32-10
uint32_t draw_below(const DrawKey *key, uint32_t n, uint32_t bound);      // 0 .. bound - 1
double   draw_unit(const DrawKey *key, uint32_t n);                       // [0, 1)
double   draw_normal(const DrawKey *key, uint32_t n);                     // mean 0, deviation 1

// Where place `i` of an epoch finds its sample: a permutation of 0 .. count - 1 that needs no
// table. count is at most 2^32 - 1.
int64_t  draw_permuted(uint64_t seed, uint32_t epoch, int64_t count, int64_t i);
#endif
