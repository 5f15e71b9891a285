// The program's first sequence in figures: buffers with whose values they hold, totals.
#ifndef LOOK_PLAN_H
#define LOOK_PLAN_H
#include "compile.h"
#include "look/about.h"

typedef struct {
    const Buffer *buffer;
    const char   *layer;       // "" for inputs, labels, the loss, the state
} BufferUse;

typedef struct { BufferUse *rows; int count; } Buffers;

// What the first sequence keeps in memory: buffers that live at different times may share bytes.
Buffers look_buffers(Compilation *c, const About *about);

typedef struct {
    int64_t parameters;
    int     kernels, launches;                 // texts; launches of the first sequence
    int64_t flops, bytes;                      // of all launches of a step
    int64_t copied_forward, copied_backward;   // bytes of a step
    double  seconds, roofline;                 // GPU: predicted for a step, and what it could be
    int64_t memory[PROGRAM_DEVICES];           // bytes; of a layer: its buffers, shared ones included
} Plan;

Plan look_plan(Compilation *c, const About *about);
#endif
