// Which rule of fusion kept two layers in kernels of their own. Answers as data; nothing is printed.
#ifndef LOOK_WHY_NOT_H
#define LOOK_WHY_NOT_H
#include "compile.h"
#include "look/about.h"

typedef enum {
    PAIR_TOGETHER,             // one kernel computes both
    PAIR_NEIGHBOURS,           // one reads what the other leaves, in two kernels
    PAIR_APART,                // other layers lie between
    PAIR_UNRELATED             // no value of one reaches the other, or one has no op of its own
} PairKind;

// Two layers in one direction: forward a value flows from `a` to `b`, backward a gradient from
// `b` to `a`.
typedef struct {
    PairKind      kind;
    const Group  *from, *to;   // TOGETHER: the same; NEIGHBOURS: both; else NULL
    const Node   *reader;      // NEIGHBOURS: the node that could have followed
    const char   *reason;      // why they are together, or which rule kept them apart; "it": the reader
    const Layer **between;     // APART: the layers in between, in the order of the flow
    int           between_count;
} Pair;

typedef struct {
    const Graph *graph;
    const Layer *a, *b;        // `b` behind `a`; NULL: the two name no two layers
    const About *missing;      // the one that names no layer: a line without stages; NULL: both do
    Pair         forward, backward;
} WhyNot;

// Of lines with several layers the two that are nearest to each other are compared. The compilation
// has made a program; the answer lives in its arena.
WhyNot look_why_not(Compilation *c, const About *first, const About *second);
// The symbol of the kernel that computes a group in the first sequence.
const char *look_kernel(const Compilation *c, const Group *group);
#endif
