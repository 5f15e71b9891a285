// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011)
// as a keyed function, and a Feistel network over it as a keyed permutation.
#include "runtime/data/draw.h"
#include <math.h>

enum { PHILOX_ROUNDS = 10, FEISTEL_ROUNDS = 8 };

static void philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4])
{
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int i = 0; i < PHILOX_ROUNDS; i++) {
        uint64_t p = (uint64_t)a * 0xD2511F53u, q = (uint64_t)c * 0xCD9E8D57u;
        uint32_t high = (uint32_t)(p >> 32), other = (uint32_t)(q >> 32);
        a = other ^ b ^ k0;
        b = (uint32_t)q;
        c = high ^ d ^ k1;
        d = (uint32_t)p;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}

void draw_block(const DrawKey *key, uint32_t n, uint32_t out[4])
{
    uint32_t counter[4] = { n, (uint32_t)key->purpose | key->stage << 8, key->sample, key->epoch };
    philox(counter, key->seed, out);
}

uint32_t draw_below(const DrawKey *key, uint32_t n, uint32_t bound)
{
    uint32_t block[4];
    draw_block(key, n, block);
    return (uint32_t)(((uint64_t)block[0] * bound) >> 32);
}

double draw_unit(const DrawKey *key, uint32_t n)
{
    uint32_t block[4];
    draw_block(key, n, block);
    return block[0] * 0x1p-32;
}

double draw_normal(const DrawKey *key, uint32_t n)        // Box and Muller
{
    uint32_t block[4];
    draw_block(key, n, block);
    double u = (block[0] + 1.0) * 0x1p-32, v = block[1] * 0x1p-32;
    return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

// One walk through the network: a permutation of 0 .. 4^half - 1.
static uint64_t feistel(uint64_t x, int half, DrawKey *key)
{
    uint64_t mask = ((uint64_t)1 << half) - 1, left = x >> half, right = x & mask;
    for (int round = 0; round < FEISTEL_ROUNDS; round++) {
        uint32_t block[4];
        key->sample = (uint32_t)right;
        draw_block(key, (uint32_t)round, block);
        uint64_t next = left ^ (block[0] & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

int64_t draw_permuted(uint64_t seed, uint32_t epoch, int64_t count, int64_t i)
{
    int half = 1;
    while (half < 16 && ((int64_t)1 << (2 * half)) < count)
        half++;
    DrawKey key = { .seed = seed, .epoch = epoch, .purpose = DRAW_SHUFFLE };
    uint64_t x = (uint64_t)i;
    do                       // values beyond count walk on: still one to one, 4 steps at most on
        x = feistel(x, half, &key);                                             // average
    while (x >= (uint64_t)count);
    return (int64_t)x;
}
