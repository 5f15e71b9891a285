// From the stages of a data section to the steps of a feed.
#ifndef RUNTIME_DATA_PIPELINE_H
#define RUNTIME_DATA_PIPELINE_H
#include "runtime/data/data.h"

bool pipeline_is_held(const Pipeline *p);                  // hold(train, every = n)
bool stage_says(const Stage *s, const char *name, const char *word);
// The steps of the training or of the test feed. A held-out test set goes through the training
// pipeline's own stages first.
bool feed_compile(Feed *f, const DataRecipe *r, bool testing, Refused *no);
#endif
