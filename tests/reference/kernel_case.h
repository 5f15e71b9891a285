// Single kernels for tests and benchmarks: a group of a few nodes made by hand, emitted by a body,
// compiled by the system's compiler with many others in one unit, and run over dense tensors.
#ifndef REFERENCE_KERNEL_CASE_H
#define REFERENCE_KERNEL_CASE_H
#include "emit/kernel.h"

enum { CASE_NODES = 24, CASE_KERNELS = 512 };

typedef void KernelFunction(void *const *t, long item, void *scratch);

typedef struct KernelCase {
    Node            nodes[CASE_NODES];
    float          *stored[CASE_NODES];      // the node's tensor; NULL until case_fill or case_run
    float          *velocity[CASE_NODES];
    int             count;
    Group           group;
    Kern            kern;
    const char     *body;
    KernelFunction *function;
    Node           *inputs[CASE_NODES][2], *outputs[2], *list[CASE_NODES];
} KernelCase;

// Kernels of one target in one unit.
typedef struct KernelUnitCase {
    Arena            *arena;
    const Target  *target;
    KernelCase       *cases[CASE_KERNELS];
    int               count;
    Emit              emit;
    Program           program;
    char              err[PROGRAM_ERROR];
    char             *text;
    size_t            text_size;
    void             *library;
    void             *state;                 // StepState and ParamRates, given by the test
} KernelUnitCase;

void  unit_open(KernelUnitCase *u, Arena *arena, const Target *target);
// Compiles what was added; false with u->err filled. `keep`: where to write the text, or NULL.
bool  unit_compile(KernelUnitCase *u, const char *keep);
// The assembly the compiler makes of it, to be closed by pclose; NULL on failure.
FILE *unit_assembly(KernelUnitCase *u);
void  unit_close(KernelUnitCase *u);

KernelCase *case_new(KernelUnitCase *u);
// A node with a layout of this kind: one piece, no halo. Its inputs are the given ones (NULL ends).
Node *case_node(KernelCase *c, Op op, Shape s, LayoutKind kind, int vector, Node *a, Node *b);
// The group of `root` and the pointwise (or update) nodes behind it, emitted by the body of that
// name, or the one the table gives (NULL). False with u->err filled when it does not take the group.
bool  case_emit(KernelUnitCase *u, KernelCase *c, Node *root, Node **epilogue, int count,
                const char *body);
// Random dense values into the node's tensor; returns them (arena). The padding holds zeros.
float *case_fill(KernelUnitCase *u, KernelCase *c, Node *n, unsigned seed);
float *case_dense(KernelUnitCase *u, KernelCase *c, Node *n);       // what the tensor holds
float *case_stored(KernelUnitCase *u, KernelCase *c, Node *n);
// All items, or one.
void  case_run(KernelUnitCase *u, KernelCase *c, void *scratch);
void  case_run_item(KernelUnitCase *u, KernelCase *c, long item, void *scratch);

// Doubles to sum a reference up in.
double *case_zeros(KernelUnitCase *u, Shape s);
// Fails the test unless the tensor holds `want` at its logical elements and zeros everywhere else.
void  case_check(KernelUnitCase *u, KernelCase *c, Node *n, const double *want, const char *what);
// Calls `run` with every instruction set of this machine; for fallbacks with its best one only.
void  case_on_every_target(void (*run)(const Target *t, bool fallback), bool fallback);
#endif
