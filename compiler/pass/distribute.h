// Other ways to compute a net on several devices than the regions in its file say.
#ifndef PASS_DISTRIBUTE_H
#define PASS_DISTRIBUTE_H
#include "ir/graph.h"

typedef enum {
    DISTRIBUTE_WRITTEN,        // as the file says
    DISTRIBUTE_WHOLE,          // everything on the first device
    DISTRIBUTE_CHANNELS,       // each device computes a run of the channels of every layer but the last
    DISTRIBUTE_IMAGES,         // each device computes a run of the images
    DISTRIBUTE_MIXED,          // images before the first fully connected layer, channels from it on
    DISTRIBUTE_WAYS
} Distribution;

// In words for a table: "channel split".
const char *distribution_name(Distribution way);

// Puts the nodes of a logical graph, before any pass, into other regions. What is computed stays the same,
// number for number but for the order of sums over the batch: the groups of a written split stay groups, and
// where none are written each part reads the channels of all. False: the net does not admit it, and `why`
// (of `size` bytes) says what is in the way.
bool distribute(Graph *g, Distribution way, int devices, char *why, int size);
#endif
