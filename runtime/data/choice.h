// What the steps of a feed choose for one sample.
#ifndef RUNTIME_DATA_CHOICE_H
#define RUNTIME_DATA_CHOICE_H
#include "runtime/data/feed.h"

// Where a crop begins. The corners, in the paper's order with the centre in the middle.
void choice_crop(const FeedStep *step, const FeedKey *key, int64_t index, int view, int height, int width,
                 int *top, int *left);
bool choice_mirror(const FeedStep *step, const FeedKey *key, int64_t index, int view);
// Added to every pixel of each channel: a random multiple of each component.
void choice_light(const FeedStep *step, const FeedKey *key, int64_t index, const double colours[3][3],
                  float add[3]);
// How many views a step makes of a sample; a view's number is written with these as digits.
int  choice_views(const FeedStep *step);
#endif
