// Where the channels and images of a group that only moves values come from: a copy in another layout,
// a concatenation, a slice, a slice put back.
#ifndef EMIT_ORIGIN_H
#define EMIT_ORIGIN_H
#include "ir/group.h"

// Channels `from`.. of images `from_image`.. of x become those from `to` and `to_image` on of the root.
typedef struct {
    const Node *x;
    int64_t     from, to, channels;
    int64_t     from_image, to_image, images;
} Origin;

int    origin_count(const Group *g);
Origin origin_at(const Group *g, int i);
// True if the op cuts or joins along the images.
bool   origin_cuts_batch(Op op);
// True if the root is all of one value, nothing else.
bool   origin_is_whole(const Group *g);
#endif
