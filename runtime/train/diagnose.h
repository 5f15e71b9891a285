// What a run that meets NaN or infinity says: which step and images, and where it began.
#ifndef RUNTIME_TRAIN_DIAGNOSE_H
#define RUNTIME_TRAIN_DIAGNOSE_H
#include "runtime/data/loader.h"
#include "runtime/train/train.h"

typedef struct {
    Session             *s;
    int                  sequence;
    const Batch         *batch;            // the one that the stopped step was given
    int                  first;            // place in it of the first image of the run that stopped
    const Feed          *feed;
    const LoaderOptions *loader;
    int64_t              step, epoch;      // finished before it
    int64_t              steps;            // of an epoch
} StoppedStep;

// Runs the step once more, watched. Nothing of it has been applied, and nothing is.
void diagnose_step(const StoppedStep *at, char err[TRAIN_ERROR]);
#endif
