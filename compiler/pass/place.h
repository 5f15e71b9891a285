// What the two files of pass_place share: parts being made (place.c), and the values that they read
// (place_values.c).
#ifndef PASS_PLACE_H
#define PASS_PLACE_H
#include "ir/graph.h"

// The part of a region, or the place outside of regions, that a node is being made for.
typedef struct {
    const Split *split;      // NULL outside
    int part, parts, device;
    int channel, channels;   // the run of channels that the part computes, and how many runs there are
    int image, images;       // the run of images
} Spot;

typedef struct { int64_t first, count; } Run;

typedef struct Copied { const Node *value; int device; Node *copy; struct Copied *next; } Copied;
typedef struct Gathered { Spot spot; Run channels; Node *value; struct Gathered *next; } Gathered;
enum { COPY_BUCKETS = 1024 };

typedef struct {
    Graph *g;
    Node **old;              // the logical graph
    Node ***parts;           // by old id: what has become of it, `count` nodes
    int   *count;            // by old id: 1 outside of regions; sources: how many there are so far
    int   *channels;         // by old id: in so many runs of channels; a part holds one; 1: whole
    Gathered **gathered;     // by old id: what was put together of it for whom
    Copied *copies[COPY_BUCKETS];      // by the copied value's id
} Placing;

// "conv2.part1"; outside of regions the name itself.
const char *place_name(Placing *p, const Node *old, const Spot *s);
// The channels of `in` that a node at this spot reads: all of a whole value, else the part's own.
Run   place_channels(const Placing *p, const Node *in, const Spot *s);
// What `user` reads at this spot where the logical graph says `in`: these channels of the spot's
// images, on the spot's device.
Node *place_value(Placing *p, const Node *in, const Node *user, Run channels, const Spot *s);
int   place_runs(const Placing *p, const Node *in);        // of channels; sources are whole
#endif
