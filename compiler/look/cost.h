// Parameters and multiply-adds of a net, by layer and by logical device.
#ifndef LOOK_COST_H
#define LOOK_COST_H
#include "compile.h"

typedef struct { int64_t parameters, macs; } Cost;       // multiply-adds of one image, forward

typedef struct {
    const Graph *graph;
    Cost         total, device[GRAPH_DEVICES];
    Cost        *layer;        // by index
    int64_t      train_macs;   // of one image, all three products of each contraction; 0: not trained
} Costs;

// Of the graphs for predicting and training, which have been placed; shared weights count once.
Costs look_cost(Compilation *c);
#endif
