// What a way to compute a net on several devices costs: for `cleave show split`, which ranks them.
#ifndef LOOK_SPLIT_H
#define LOOK_SPLIT_H
#include "compile.h"
#include "look/timeline.h"

typedef struct {
    Distribution way;
    bool         as_written;               // gives the program that the file itself gives
    const char  *refusal;                  // why the net does not admit it; NULL: the figures hold
    double       seconds;                  // of a training step, predicted
    int64_t      step;                     // bytes over links in a step, both passes
    int64_t      forward, backward;        // of them by an image
    int64_t      weights;                  // of them of weights and their gradients, whatever the batch
    int          messages;                 // of a step
    int          devices;                  // that compute
    int64_t      memory[PROGRAM_DEVICES];  // planned bytes
    int64_t      peak;                     // the largest of them
    uint64_t     hash[2];                  // of the program
} SplitCost;

// Of a program for GPUs that has been compiled for training with one of the ways.
SplitCost look_split(Compilation *c, Distribution way, const Link *link);
// Fastest first, then fewer bytes; those that the net does not admit last. list[0] is the file's own way,
// which is dropped where another one gives the same program; that one is marked.
void split_rank(SplitCost *list, int *count);
#endif
