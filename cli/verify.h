// What the ways to verify share: two programs of one net, and how far their values may be apart.
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H
#include "cli/run.h"

typedef struct {
    RunOptions  run;
    int64_t     steps, cases, one; // one: of the cases only this; -1: all
    const char *reference;         // "fp32", "tf32"; NULL: what the GPU computes in
    bool        is_free, lists, kernels;
} VerifyVerb;

// One of two runs.
typedef struct { Compilation c; Session *s; int sequence; } Side;

// How near values must be: to the largest of their tensor, as a share of it. Sums in another order differ in
// the last bits of a float, and where the result is then rounded to TF32 a number near the middle between two
// may go to the other one; that happens to few.
typedef struct { double share, tipped; } Tolerance;

// What comparing two tensors found.
typedef struct {
    double  share;                 // largest difference as a share of the largest value, tipped ones aside
    double  norm;                  // of the difference as a share of the values' own
    int64_t tipped;                // numbers that were rounded to the neighbour
    bool    same;
} Likeness;

// `right` and `is` hold `count` numbers, `is` as a tensor of these elements stores them; values count as at
// least `least`.
Likeness verify_compare(const float *right, const float *is, int64_t count, Element element, double least,
                        Tolerance t);

// To the nearest number that such elements hold: TF32 ties go away from zero, bf16 ones to even.
double verify_rounded(double value, Element e);

// A small net's text, for its number.
void verify_net(FILE *out, uint64_t seed, int64_t number);

// cli/verify_file.c: a net's steps on the GPU and on the CPU. cli/verify_kernels.c: every kind of kernel.
int verify_file(const VerifyVerb *o);
int verify_kernels(const VerifyVerb *o);
#endif
