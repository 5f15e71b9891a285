// The part of a feed that can run on a GPU: everything behind the fixed steps, by one kernel from bytes
// (emit/cuda/input.c). The host draws what is random, a line of a table for each image.
#ifndef RUNTIME_DATA_PREPARE_H
#define RUNTIME_DATA_PREPARE_H
#include "runtime/data/feed.h"
#include "program/prepare.h"

// False: a step behind the fixed ones needs the host (resize, grey, light before the mean or twice).
bool feed_prepares(const Feed *f, InputStages *s);
// The line of sample `index`, by which the kernel makes of feed_bytes what feed_sample would.
void feed_draw(const Feed *f, const FeedKey *key, int64_t index, InputDraw *to);
#endif
