// Sums over batches, and what a report says of them.
#ifndef RUNTIME_TRAIN_RESULT_H
#define RUNTIME_TRAIN_RESULT_H
#include "runtime/train/train.h"

void result_add(SessionResult *sum, const SessionResult *one);
// Fills the report's loss and metrics: means over the images.
void result_means(const SessionResult *sum, const TrainRecipe *t, TrainReport *report);
#endif
