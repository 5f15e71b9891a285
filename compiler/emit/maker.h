// A program in the making: what the files of emit/ share while they fill it.
#ifndef EMIT_MAKER_H
#define EMIT_MAKER_H
#include "emit/kernel.h"

// Tensors of one graph's nodes: index into program->tensors by node id, -1 for none.
typedef struct {
    const Graph *graph;
    int         *value;            // the node's value (a parameter: its weights)
    int         *velocity;         // PARAM nodes of a training graph
    int         *places;           // pooling nodes that keep the places of their maxima
    int         *buffer;           // index into program->buffers of the storage the node owns
} GraphTensors;

// A kernel text that exists already: groups that differ in their tensors only share it.
typedef struct { char *key; const Target *target; int kernel; } MadeKernel;

typedef struct {
    Arena           *arena;
    Program         *program;
    const Target *const *targets;  // by logical device
    char            *err;          // PROGRAM_ERROR bytes
    const char      *gpu_index;    // see Emit.index; of GPUs
    const struct CudaPlan *plan;   // see Emit
    int64_t          region[GRAPH_DEVICES];    // where the value region of each device starts
    int              state[GRAPH_DEVICES];     // tensor of each device's StepState
    int              partial[GRAPH_DEVICES];   // of its partial sums; -1: nobody needs any so far
    GraphTensors     tensors[3];               // by place in the list of graphs
    int              buffer_capacity, tensor_capacity, kernel_capacity, unit_capacity;
    MadeKernel      *made;
    int              made_count, made_capacity;
    char           **kernel_texts;             // by kernel, until they are put into units
    const Target   **kernel_targets;           // by kernel
    int              kernel_text_capacity, kernel_text_count, kernel_target_capacity, kernel_target_count;
} Maker;

// Offsets in texts for this target are of this type.
static inline const char *make_index(const Maker *m, const Target *target)
{
    return target->kind == TARGET_CPU ? "long" : m->gpu_index;
}

// emit/tensors.c: devices, parameters, buffers and tensors of all graphs; ports.
bool make_devices(Maker *m, const Graph *g);
bool make_params(Maker *m, Graph *const *graphs, int count);
bool make_values(Maker *m, Graph *const *graphs, int count);
// The tensor of a device's partial sums, at least so large; and, when all have asked, its place.
int  make_partial(Maker *m, int device, int64_t floats);
void place_partials(Maker *m);
void make_ports(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s);
// emit/launches.c: kernels, launches, copies and commands of one graph.
bool make_sequence(Maker *m, const Graph *g, const GraphTensors *t, Sequence *s);
// emit/units.c: kernel texts into translation units of about equal size.
void make_units(Maker *m);
// A place in the sources as a program keeps it.
SourcePlace make_place(Maker *m, const Graph *g, Span at);
#endif
