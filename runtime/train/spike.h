// A loss that stands out from those of the steps before it.
#ifndef RUNTIME_TRAIN_SPIKE_H
#define RUNTIME_TRAIN_SPIKE_H
#include <stdbool.h>

enum { SPIKE_STEPS = 128 };

// All zero at the beginning.
typedef struct {
    double losses[SPIKE_STEPS];
    int    count, at;                  // losses there are; where the next one goes
    int    quiet;                      // steps until the next one is told
} Spike;

// Takes the loss of one more step. True where it is more than six standard deviations, and more than a
// tenth, above the mean of the 128 before it; at most once in as many steps.
bool spike_look(Spike *s, double loss, double *mean, double *deviation);
#endif
