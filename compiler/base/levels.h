// Hot loops of our own, compiled once for every level of x86-64 that helps them; the loader takes the best
// that this machine runs. The binary itself runs on every x86-64.
#ifndef BASE_LEVELS_H
#define BASE_LEVELS_H
#if defined(__x86_64__)
#define FOR_EVERY_LEVEL __attribute__((target_clones("default", "avx2")))
#else
#define FOR_EVERY_LEVEL
#endif
#endif
