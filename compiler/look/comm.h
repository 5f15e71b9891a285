// What crosses between logical devices, value by value. The image itself goes from the host to every
// device that reads it and does not count.
#ifndef LOOK_COMM_H
#define LOOK_COMM_H
#include "compile.h"
#include "look/about.h"

// One crossing forward, and the gradient that comes back over it.
typedef struct {
    const Node  *copy;
    const Layer *layer, *to;           // whose value; who reads it (NULL: an output of the net)
    int          from;                 // device
    bool         is_weights;           // crosses once a step, whatever the batch
    int64_t      forward, backward;    // bytes an image, or a step
} Crossing;

typedef struct {
    const Graph *graph;
    Crossing    *rows;
    int          count;
    int64_t      forward, backward;    // bytes an image
    int64_t      step;                 // bytes a step, both passes
} Comm;

// Of the training graph, which has been placed and differentiated.
Comm look_comm(Compilation *c, const About *about);
#endif
