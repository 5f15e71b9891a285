// What a line or a layer became: kernels and copies of a program, with where they stand in its
// schedule. Answers as data; nothing is printed.
#ifndef LOOK_WHY_H
#define LOOK_WHY_H
#include "compile.h"
#include "look/about.h"

// One launch of the first sequence, with the group of nodes that it computes.
typedef struct {
    const Launch *launch;
    const Kernel *kernel;
    const Group  *group;
    int           command;     // of the sequence
    int           place;       // of the launch in its command, from 0
} KernelUse;

typedef struct {
    const Copy *copy;
    const Node *node;          // on the receiving device
    int         command;
} CopyUse;

typedef struct {
    const Graph    *graph;
    const Sequence *sequence;
    const Layer   **layers;    // that were asked for
    int             layer_count;
    KernelUse      *kernels;   // in the order of the schedule
    int             kernel_count;
    CopyUse        *copies;
    int             copy_count;
    // Without kernels and copies:
    const char     *without;   // why: "a comment", "part of net `alexnet`", ...
    int             nearest;   // the nearest line that has kernels; 0: there is none
} Why;

// The graph of the first sequence: of those that were compiled the first of train, test, predict.
const Graph *look_graph(const Compilation *c);
// The compilation has made a program; the answer lives in its arena.
Why look_why(Compilation *c, const About *about);
// Why no kernel computes anything for a layer: "a view: ...".
const char *look_idle(const Graph *g, const Layer *layer);
// A line of the compiled file, with its text.
Place look_place(const Compilation *c, int line);
// What the line is, in words: "a comment", "empty", "part of train section `alexnet`", ...
const char *look_line(Compilation *c, int line);
#endif
