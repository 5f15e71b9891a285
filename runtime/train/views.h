// Tests with several views of an image: what counts is the mean of the probabilities over them.
#ifndef RUNTIME_TRAIN_VIEWS_H
#define RUNTIME_TRAIN_VIEWS_H
#include "runtime/session.h"

typedef struct {
    int            views, classes;
    const Metric  *metrics;
    int            metric_count;
    double        *sum;                // of the probabilities of the image at hand
    int            seen;               // views of it
    int            label;              // -1: none of its views was there
    SessionResult *result;             // counts images
} Views;

bool views_open(Views *v, int views, int classes, const TrainRecipe *t, SessionResult *result);
void views_close(Views *v);
// One view more, in order: `values` are probabilities or, of a net without a softmax at its end,
// scores. Label -1: this view is not there. After the last of an image it is counted.
void views_add(Views *v, const float *values, int label);
#endif
