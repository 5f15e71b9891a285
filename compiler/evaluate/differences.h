// A graph's own gradients against central differences of its loss.
#ifndef EVALUATE_DIFFERENCES_H
#define EVALUATE_DIFFERENCES_H
#include "evaluate/evaluate.h"

// (L(w + e) - L(w - e)) / 2e against the gradient, relative to the larger of the two or to
// DIFFERENCE_SMALL, whichever is most: below that the rounding of L is seen.
#define DIFFERENCE_EPSILON   1e-5
#define DIFFERENCE_SMALL     1e-3
#define DIFFERENCE_TOLERANCE 1e-6

typedef struct {
    int     checked;           // elements that were compared
    int     kinks;             // that were not: a kink lies between w - e and w + e
    double  worst;             // largest relative error
    int64_t at;                // of this element
    double  by_graph, by_differences;      // its two gradients
} Differences;

// `loss` evaluates any graph of the net (the logical one), `trained` one with updates; both filled
// alike and run. Takes `most` elements of the parameter, drawn by `seed`, or all when there are no
// more. The values of `loss` are as before when it returns.
Differences differences_check(Evaluator *loss, const Evaluator *trained, int param, int64_t most,
                              uint64_t seed);
#endif
