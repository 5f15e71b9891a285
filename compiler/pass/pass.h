// The passes: each is one function in one file, listed in pipeline.c; nothing else calls one.
#ifndef PASS_PASS_H
#define PASS_PASS_H
#include "ir/graph.h"
#include "ir/target.h"

typedef enum {
    HAS_SHAPES    = 1 << 0,
    HAS_DEVICES   = 1 << 1,    // no split is left; every node has a device and a part
    HAS_GRADIENTS = 1 << 2,    // GRAPH_TRAIN: backward and update nodes are there
    HAS_LAYOUTS   = 1 << 3,
    HAS_GROUPS    = 1 << 4,
    HAS_ORDER     = 1 << 5,    // graph->groups stands in the order of execution
    HAS_TENSORS   = 1 << 6,
} Fact;

// What the passes with a target work for.
typedef struct PassOptions {
    const Target *target;
    bool fuse;                 // false: every node in a kernel of its own (--no-fuse)
    bool fuse_update;          // false: gradients are stored, updates are kernels of their own
    bool reuse_memory;         // false: every buffer has its own place
    int  chunks;               // maps that cross between devices go in so many runs of images; 1: whole
    const Target *const *of_device;    // by logical device, where they differ; NULL: all are `target`
} PassOptions;

static inline const Target *pass_target(const PassOptions *o, int device)
{
    return o->of_device ? o->of_device[device] : o->target;
}

typedef struct {
    const char *name;
    bool      (*run)(Graph *g, const PassOptions *o);
    unsigned    leaves;        // facts that hold afterwards
    bool        needs_target;
} Pass;

extern const Pass pass_pipeline[];
extern const int  pass_count;

// Runs the pipeline up to and including `stop_after` (NULL: all of it; without a target: the
// target-free passes), verifying the graph after every pass. False when something was reported.
bool pass_run(Graph *g, const PassOptions *o, const char *stop_after);
// Checks the graph against the facts that must hold by now; reports "internal error: ..." and
// returns false when it does not hold.
bool graph_verify(Graph *g, const char *after);

// Why no kernel computes both `a` and its user `b`: one sentence, in which "it" is `b`; NULL when
// they share one. For `cleave why-not`; the graph has been through pass_fuse.
const char *pass_fuse_refusal(const Graph *g, const Node *a, const Node *b);

bool pass_shapes(Graph *g, const PassOptions *o);
bool pass_place(Graph *g, const PassOptions *o);
bool pass_autodiff(Graph *g, const PassOptions *o);
bool pass_simplify(Graph *g, const PassOptions *o);
bool pass_chunk(Graph *g, const PassOptions *o);
bool pass_layout(Graph *g, const PassOptions *o);
bool pass_fuse(Graph *g, const PassOptions *o);
bool pass_schedule(Graph *g, const PassOptions *o);
bool pass_memory(Graph *g, const PassOptions *o);
#endif
