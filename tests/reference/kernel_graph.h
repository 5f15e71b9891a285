// Kernels of a whole graph, group by group: every group gets the inputs that the evaluator has
// computed, so that an error shows in the kernel that makes it, and must leave what it has.
#ifndef REFERENCE_KERNEL_GRAPH_H
#define REFERENCE_KERNEL_GRAPH_H
#include "evaluate/evaluate.h"
#include "reference/kernel_case.h"

typedef struct KernelGraph {
    Graph     *graph;              // has been through all passes
    Evaluator *evaluator;          // frozen, has run; NULL: only times are wanted
    KernelCase **kernels;          // by place in graph->groups; NULL: not of a wanted pattern
    float    **stored, **velocity; // by node id
    uint8_t  **places;
} KernelGraph;

// Emits the kernels of all groups but contractions and copies into the unit.
KernelGraph *kernel_graph_add(KernelUnitCase *u, Graph *g, Evaluator *e);
// Runs them once the unit is compiled; fails the test where a value is not the evaluator's or
// padding is not zero.
void kernel_graph_check(KernelUnitCase *u, KernelGraph *k);
// Seconds of one item of the kernel of graph->groups[i] on one thread: the mean over all items of
// each one's best of `rounds`. Kernels run in the graph's order first, for places of maxima.
double kernel_graph_seconds(KernelUnitCase *u, KernelGraph *k, int i, int rounds);
#endif
