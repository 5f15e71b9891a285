// What emit/ and its bodies agree on: how a group becomes a kernel text and a launch.
//
// A kernel of the CPU target is one C function
//     void k12_conv3(void *const *t, long item, void *scratch)
// t[i] is the first element of argument tensor i (launch->tensors[i]); `item` counts 0..items-1;
// `scratch` is private to the worker, 64-byte aligned, undefined on entry.
// Its text is a head, printed by the functions below, above a verbatim body of kernels/cpu/.
#ifndef EMIT_KERNEL_H
#define EMIT_KERNEL_H
#include "emit/emit.h"

enum { KERNEL_TENSORS = 32 };

// A program being made.
typedef struct Emit {
    Arena           *arena;
    Program         *program;
    const CpuTarget *target;
    const Graph     *graph;        // the one being emitted
    FILE            *text;         // of the current unit
    char            *err;          // PROGRAM_ERROR bytes
} Emit;

// A kernel being made, and the facts of its launch. The body's function fills it.
typedef struct {
    const Group *group;
    char         symbol[64];       // set before the body's function is called
    const char  *title;            // "conv3 forward: conv 3x3 + bias + relu [part 0 of 2]"; set before, too
    const Node  *args[KERNEL_TENSORS];      // argument i is the tensor of this node
    bool         is_velocity[KERNEL_TENSORS];   // ... or the velocity of this PARAM node,
    bool         is_places[KERNEL_TENSORS];     // ... or the places of maxima of this pooling node,
    bool         is_state[KERNEL_TENSORS];      // ... or the device's StepState (node unused)
    int          arg_count, writes;         // written ones come last
    ItemKind     item_kind;
    int64_t      items;
    int64_t      scratch;          // bytes
    int64_t      bytes;            // compulsory traffic; flops are added up from the ops
    const char  *reason;           // why this body, these tiles
} Kern;

// One way to compute groups of one pattern. The first in the table that takes a group wins.
typedef struct Body {
    const char *name;              // "conv_tile"
    Pattern     pattern;
    const char *what;              // preconditions in words, for `show kernels` and why-not
    bool      (*takes)(const Emit *e, const Group *g);
    // Prints head and body to e->text, fills k. False with e->err on an internal error.
    bool      (*emit)(Emit *e, Kern *k);
} Body;

extern const Body cpu_bodies[];    // emit/cpu_bodies.c, ended by name NULL; built from kernels.def
const Body *body_for(const Emit *e, const Group *g);       // NULL: none takes it (a bug)

// --- heads (emit/head.c) ------------------------------------------------------------------------

// Adds an argument, returns its index in t[]; the same node twice gives the same index. Read ones
// must all be added before the first written one.
int  kern_read(Kern *k, const Node *n);
int  kern_read_places(Kern *k, const Node *pool);
int  kern_read_state(Kern *k);
int  kern_write(Kern *k, const Node *n);
int  kern_write_places(Kern *k, const Node *pool);
int  kern_write_param(Kern *k, const Node *param);         // updated in place
int  kern_write_velocity(Kern *k, const Node *param);

// The comment that opens a kernel: title, place in the .net file, what one item is; then
// `#define KERNEL symbol`, so that a body names its functions KERNEL and TILE(n).
void head_open(Emit *e, const Kern *k);
// One constant of the head's enum: `enum { NAME = value };`.
void head_constant(Emit *e, const char *name, int64_t value);
// `static inline long NAME(long n, long b, long y, long x)`: the offset, in elements, of lane 0 of
// channel block b (PLAIN: channel b; PANEL, COLUMNS: feature block or feature b, y = x = 0; for
// COLUMNS n is a multiple of V) of image n at row y, column x of this node's tensor.
void head_address(Emit *e, const char *name, const Node *n);
// Which axis the lanes of a vector run along.
typedef enum { LANES_CHANNELS, LANES_IMAGES, LANES_PIXELS } Lanes;
// The fused functions of a group's epilogue:
//     static inline real EPILOGUE(void *const *t, real v, long n, long b, long y, long x)
// returns what is stored in the group's last output; operands are loaded and side outputs stored
// inside, through their own addresses. `real` is a vector along `lanes`. Adds the operands to k as
// read arguments: call it before any kern_write; side outputs are added by head_epilogue_outputs.
void head_epilogue(Emit *e, Kern *k, Lanes lanes);
// Copies the body file in, with `#line` before it and after it.
bool head_body(Emit *e, const char *file);

// --- kernel texts (made by CMake from kernels/) ----------------------------------------------------

typedef struct { const char *name, *text; } KernelText;        // "cpu/conv_tile.c"
extern const KernelText kernel_texts[];                        // ended by name NULL
const char *kernel_text(const char *name);                     // NULL: no such file
#endif
