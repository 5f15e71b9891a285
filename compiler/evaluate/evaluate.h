// The meaning of a graph: every node computed one after the other in double, on dense NCHW arrays,
// straight from the formulas. Slow and simple on purpose. It judges gradients, passes and targets
// (tests) and serves `cleave grad`. It takes a graph in any state: as the front end leaves it,
// placed, differentiated, with layouts or groups. Shares nothing with ops/ but the shapes.
#ifndef EVALUATE_EVALUATE_H
#define EVALUATE_EVALUATE_H
#include "ir/graph.h"

typedef struct { double lr, momentum, decay; } EvaluatorRates;

typedef struct Evaluator {
    Arena          *arena;
    const Graph    *graph;
    double        **value;         // by node id, dense; PARAM nodes point into `param`
    double        **input;         // by port (attr.port.index of INPUT nodes), dense
    int             input_count;
    double         *label;         // one an image
    const double  **operands;      // room for the inputs of one node
    bool           *behind;        // room for evaluator_run_behind
    double        **param;         // by index in graph->params, whole; filled with 0 at first
    double        **velocity;      // likewise; NULL before the first update
    EvaluatorRates *rates;         // by index of the parameter; 0 at first
    uint64_t        seed, step;    // key dropout
    bool            frozen;        // updates are not carried out
    bool            is_first;      // gradients are accumulated as behind a step's first batch; else as in a
                                   // step whose batches are all alike
    uint64_t        decisions;     // hash of the branches the last run took (which side of a relu,
                                   // which maximum): two runs with one hash have no kink between
} Evaluator;

// Everything lives in `arena`, which must outlive it; the graph must not change meanwhile.
Evaluator *evaluator_open(Arena *arena, const Graph *g);
// Inputs from N(0, 1); weights with a scale that keeps activations of that size, biases from
// N(0, 0.1); random labels. All by logical index: the same for every way to place a net.
void    evaluator_fill(Evaluator *e, uint64_t seed);
// All nodes in order, updates included unless frozen; `step` is left alone.
void    evaluator_run(Evaluator *e);
// Computes anew what depends on a parameter, forward only; all else keeps its values from the last
// run. `decisions` then covers these nodes only.
void    evaluator_run_behind(Evaluator *e, const Param *param);
// One node anew from the values that its inputs have now; an update is not carried out.
void    evaluator_compute(Evaluator *e, const Node *n);
// One weight's step by a rule of base/solver.h; g is its gradient.
void    evaluator_follow(SolverRule rule, const EvaluatorRates *r, double g, double *w, double *v);
// Mean of the loss over the batch, as training sees it.
double  evaluator_loss(const Evaluator *e);
const Node *evaluator_node(const Evaluator *e, const char *name);      // NULL: none of that name
// Parameters by their logical name ("conv1.weights"), all rows; NULL: none of that name.
double *evaluator_param(const Evaluator *e, const char *name);
// dL/d(parameter) by the graph's own gradient nodes, all rows put together, after a run of a graph
// with updates. `to` holds shape_count(param->shape) doubles; rows without an update are 0.
void    evaluator_gradient(const Evaluator *e, const Param *param, double *to);
#endif
