// The bookkeeping of reverse-mode differentiation: which nodes want a gradient, and what has
// flowed into each so far. Used by pass_autodiff and by the `grad` functions of ops.
#ifndef IR_GRADIENT_H
#define IR_GRADIENT_H
#include "ir/graph.h"

// dL/d(n) by one use of n. `part` of `parts` is that of the user (of the reader behind a copy).
typedef struct Contribution {
    Node                *dx;
    int                  part, parts;
    struct Contribution *next;        // a later use of n
} Contribution;

typedef struct Gradients {
    bool          *wanted;     // by node id: a parameter stands before it
    Contribution **given;      // by node id: in forward order of use
    int            count;      // nodes of the forward graph
    int            part, parts;       // of the user whose gradient is being taken
} Gradients;

// True if dL/d(n) leads to a parameter (so that n's gradient must be computed).
bool gradient_wanted(const Graph *g, const Node *n);
// Adds `dx`, of n's shape, to dL/d(n). Users are visited from last to first.
void gradient_add(Graph *g, Node *n, Node *dx);
// A backward node: role, layer, span, device and part of `forward`; name "forward.suffix". As with
// graph_add the caller fills attr and then calls graph_infer.
Node *gradient_node(Graph *g, Op op, const char *suffix, Node *forward, int inputs, Node *const *in);

// The sum of what the users of one part gave to n, by two-operand adds in forward order of use;
// takes it out of the list, tells which part it was. Parts come in a fixed order: n's own, then
// users outside of splits, then ascending. NULL when nothing is left. So the order of all sums
// depends on parts only, never on which device a part is on.
Node *gradient_take(Graph *g, Node *n, int *part, int *parts);
// a + b, a backward node of `forward`.
Node *gradient_sum(Graph *g, Node *forward, Node *a, Node *b);
#endif
