// Random numbers as pure functions of (seed, step, key, index): the same in kernels of every
// target, in vectors and scalars, and in the tests' reference. Portable C and CUDA; included by C
// and pasted into kernel texts.
//
// Once per launch: random_key(seed, step, key) gives the two words of a stream. Once per element:
// RANDOM_HASH makes 32 well mixed bits of the element's index and those words (three 32-bit
// multiplies; `unsigned` may be a vector of unsigned), of which the upper 24 are the number.
#ifndef KERNELS_RANDOM_H
#define KERNELS_RANDOM_H
#ifndef RANDOM_FUNCTION                 // CUDA: static __device__ inline
#define RANDOM_FUNCTION static inline
#endif

typedef struct { unsigned low, high; } RandomKey;

// The finalizer of SplitMix64.
RANDOM_FUNCTION unsigned long long random_mix64(unsigned long long z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

RANDOM_FUNCTION RandomKey random_key(unsigned long long seed, unsigned long long step, unsigned key)
{
    unsigned long long z = random_mix64(seed + 0x9e3779b97f4a7c15ull);
    z = random_mix64(z ^ (step + 0x9e3779b97f4a7c15ull));
    z = random_mix64(z ^ key);
    RandomKey k = { (unsigned)z, (unsigned)(z >> 32) };
    return k;
}

// h: an lvalue (unsigned or a vector of unsigned) that holds the index and becomes the hash.
#define RANDOM_HASH(h, k)      \
    do {                       \
        (h) *= 0x9e3779b9u;    \
        (h) += (k).low;        \
        (h) ^= (h) >> 16;      \
        (h) *= 0x7feb352du;    \
        (h) ^= (k).high;       \
        (h) ^= (h) >> 15;      \
        (h) *= 0x846ca68bu;    \
        (h) ^= (h) >> 16;      \
    } while (0)

// 24 bits to [0, 1), exactly.
#define RANDOM_SCALE 0x1p-24f

RANDOM_FUNCTION float random_uniform(unsigned index, RandomKey k)
{
    RANDOM_HASH(index, k);
    return (float)(int)(index >> 8) * RANDOM_SCALE;
}
#endif
