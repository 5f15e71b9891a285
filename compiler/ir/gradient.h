// The bookkeeping of reverse-mode differentiation: which nodes want a gradient, and the sum of
// what has flowed into each so far. Used by pass_autodiff and by the `grad` functions of ops.
#ifndef IR_GRADIENT_H
#define IR_GRADIENT_H
#include "ir/graph.h"

typedef struct Gradients {
    bool  *wanted;             // by node id: a parameter stands before it
    Node **sum;                // by node id: dL/d(node) so far, or NULL
    int    count;              // nodes of the forward graph
} Gradients;

// True if dL/d(n) leads to a parameter (so that n's gradient must be computed).
bool gradient_wanted(const Graph *g, const Node *n);
// Adds `dx`, of n's shape, to dL/d(n). Contributions are summed by two-operand adds in the order
// of the calls: that order is the forward order of use, own device first, and never changes with
// the map of devices.
void gradient_add(Graph *g, Node *n, Node *dx);
// A backward node: role, layer, span, device and part of `forward`; name "forward.suffix".
Node *gradient_node(Graph *g, Op op, const char *suffix, Node *forward, int inputs, Node *const *in);
#endif
