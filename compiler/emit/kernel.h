// What emit/ and its bodies agree on: how a group becomes a kernel text and a launch.
//
// A kernel of the CPU target is one C function
//     void k12_conv3(void *const *t, long item, void *scratch)
// t[i] is the first element of argument tensor i (launch->tensors[i]); `item` counts 0..items-1;
// `scratch` is private to the worker, 64-byte aligned, undefined on entry.
// Its text is a head, printed by the functions below, above a verbatim body of kernels/cpu/. All
// kernels of a unit stand in one file behind kernels/cpu/prelude.h, so what a head defines is
// undefined again by head_close, and functions are named OWN(name), which is k12_conv3_name.
//
// The order in which a body's emit function works:
//     kern_read(...), ..., kern_read_operands(k);     all arguments first: read ones,
//     kern_write(...) or kern_write_outputs(k);       then written ones
//     k->items, k->scratch, ... ;
//     head_open, head_constant, head_address, ..., head_epilogue;
//     head_body (once or several times, with other constants between).
#ifndef EMIT_KERNEL_H
#define EMIT_KERNEL_H
#include "emit/emit.h"

enum { KERNEL_TENSORS = 32, HEAD_NAMES = 96, HEAD_NAME = 32 };

// A program being made.
typedef struct Emit {
    Arena           *arena;
    Program         *program;
    const Target *target;
    const Graph     *graph;        // the one being emitted
    FILE            *text;         // of the current unit
    char            *err;          // PROGRAM_ERROR bytes
    const struct CudaPlan *plan;   // CUDA: tiles that somebody chose, or NULL
    const char      *index;        // the type of offsets in kernel texts: "long"; on GPUs "int"
                                   // wherever no tensor is too large for it
    int              lanes;        // floats of a `real`: target->vector on CPUs, by kernel on GPUs
    char             names[HEAD_NAMES][HEAD_NAME];  // what the head being printed has #define'd
    int              name_count;
} Emit;

// A kernel being made, and the facts of its launch. The body's function fills it.
typedef struct {
    const Group *group;
    char         symbol[64];       // set before the body's function is called
    const char  *title;            // "conv3 forward: conv 3x3 + bias + relu [part 0 of 2]"; set before, too
    const char  *what;             // the title without the layer's name: no user's text
    const Node  *args[KERNEL_TENSORS];      // argument i is the tensor of this node
    bool         is_velocity[KERNEL_TENSORS];   // ... or the velocity of this PARAM node,
    bool         is_places[KERNEL_TENSORS];     // ... or the places of maxima of this pooling node,
    bool         is_state[KERNEL_TENSORS];      // ... or the device's StepState (node unused)
    bool         is_partial[KERNEL_TENSORS];    // ... or the device's partial sums (node unused)
    int          arg_count, writes;         // written ones come last
    ItemKind     item_kind;
    int64_t      items;            // CUDA: set by cuda_launch
    int64_t      scratch;          // bytes
    int          threads;          // CUDA: of a block
    Grid         grid;             // CUDA
    int64_t      shared;           // CUDA: bytes of dynamic shared memory
    int64_t      bytes;            // compulsory traffic; flops are added up from the ops
    const char  *reason;           // why this body, these tiles
    double       seconds;          // CUDA: predicted; 0: by its bytes
    const char  *limiter, *plan;   // CUDA: as in Launch; NULL: DRAM, none
    LibraryProduct      product;          // CUDA: made by cuBLAS; the text only says so. m 0: by the text
    int          pass;             // which kernel of the group is being made; set before
    int          passes;           // CUDA: how many there are, 0 and 1: this one. They run one after the
                                   // other; body->emit is called for each
    int64_t      partial;          // CUDA: floats of partial sums between the passes
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

// emit/cpu/bodies.c and emit/cuda/bodies.c, ended by name NULL; built from kernels.def beside them
extern const Body cpu_bodies[], cuda_bodies[];
const Body *body_for(const Emit *e, const Group *g);       // NULL: none takes it (a bug)
// body_for, its emit, head_close: the whole text of one group. `symbol` and `title` are set before.
// Returns the body, NULL with e->err filled on an internal error.
const Body *kernel_emit(Emit *e, Kern *k);

// --- arguments (emit/kern.c) -----------------------------------------------------------------------

// Adds an argument, returns its index in t[]; the same node twice gives the same index. Read ones
// must all be added before the first written one.
int  kern_read(Kern *k, const Node *n);
int  kern_read_places(Kern *k, const Node *pool);
int  kern_read_state(Kern *k);
int  kern_read_partial(Kern *k);
int  kern_write(Kern *k, const Node *n);
int  kern_write_places(Kern *k, const Node *pool);
int  kern_write_param(Kern *k, const Node *param);         // updated in place
int  kern_write_velocity(Kern *k, const Node *param);
int  kern_write_partial(Kern *k, int64_t floats);
// What the group's prologue and epilogue read from memory, and the state where they draw numbers.
void kern_read_operands(Kern *k);
// All outputs of the group; returns the index of the last, which the body itself stores.
int  kern_write_outputs(Kern *k);
// The index of an argument that was added before; -1: none.
int  kern_find(const Kern *k, const Node *n);
int  kern_find_velocity(const Kern *k, const Node *param);
int  kern_find_state(const Kern *k);
int  kern_find_places(const Kern *k, const Node *pool);
// True if the group computes n itself.
bool group_computes(const Group *g, const Node *n);
// What a group stores last.
const Node *group_result(const Group *g);
// True if a pointwise node's text reads its input i.
bool epilogue_uses(const Node *n, int i);

// --- heads (emit/head.c, emit/epilogue.c) ------------------------------------------------------------

// Opens a unit: what stands above all its kernels.
void head_unit(Emit *e);
// "long n, long b, long y, long x" in the type of offsets.
const char *head_block_index(const Emit *e);
// `#line` to where a node stands in its .net file (CUDA only).
void head_line(Emit *e, const Node *n);
// What r_load and r_store of a tensor are called: "" for floats, "_tf32" (rounds; stores only) and
// "_bf16".
const char *head_load_suffix(const Layout *l);
const char *head_store_suffix(const Layout *l);
// The comment that opens a kernel: title, place in the .net file, what one item is; then
// `#define KERNEL symbol`, so that a body names its functions KERNEL and OWN(name).
void head_open(Emit *e, const Kern *k, const char *item);
// One constant: `#define NAME value`. Replaces an earlier value.
void head_constant(Emit *e, const char *name, int64_t value);
void head_real(Emit *e, const char *name, double value);   // a float: `#define NAME (0.75f)`
enum { HEAD_FLOAT = 32 };
char *head_float(char to[HEAD_FLOAT], double value);       // "0.75f"; returns `to`
// `#define NAME text`: for the fragments that X-macro bodies want. `text` holds no user text.
void head_define(Emit *e, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
// Opens a macro, with parameters if wanted ("TILES(X)"): the caller prints the rest of its line.
void head_list(Emit *e, const char *name);
// Opens a function of the head: `#define NAME OWN(name)`, then "INLINE type NAME(arguments)" and a
// line with "{"; the caller prints the lines between and the closing "}".
void head_function(Emit *e, const char *type, const char *name, const char *arguments);
// `long NAME(long n, long b, long y, long x)`: the offset, in elements, of lane 0 of channel block b
// (PLAIN: channel b; PANEL, COLUMNS: feature block or feature b, y = x = 0; for COLUMNS n is a
// multiple of V) of image n at row y, column x of this node's tensor.
void head_address(Emit *e, const char *name, const Node *n);
// The same for any layout l of a tensor of shape s (places of maxima).
void head_address_of(Emit *e, const char *name, const Layout *l, Shape s);
// `long NAME(long n, long c, long y, long x)`: the offset of one logical element, for any
// activation layout and any pieces. Slower than an address of a block.
void head_element(Emit *e, const char *name, const Node *n);
// `long NAME(long n, long b)`: how many lanes of block b (of feature row b from image n on, with
// LANES_IMAGES) hold channels (images); what stands in the others must be and stay zero.
typedef enum { LANES_CHANNELS, LANES_IMAGES, LANES_ONE } Lanes;
void head_lanes(Emit *e, const char *name, const Node *n, Lanes lanes);
bool head_has_padding(const Node *n, Lanes lanes);         // some block has fewer than V
// `long NAME(long n, long b, long y, long x)`: the logical index ((n * C + c) * H + y) * W + x of
// lane 0, by which a random node draws its numbers (attr.dropout: c and C are the whole tensor's).
void head_index(Emit *e, const char *name, const Node *n, Lanes lanes);
int64_t head_index_step(const Node *n, Lanes lanes);       // of that index, from lane to lane
// `long NAME(long b)`: the logical channel (of a flattened map the feature) of lane 0 of block b of an
// NHWC or PLAIN tensor; the next lane's is head_channel_step behind it.
void head_channel(Emit *e, const char *name, const Node *n);
int64_t head_channel_step(const Node *n);
// How the vectors of a tensor of this layout run: BLOCKED and PANEL along channels, COLUMNS along
// images; PLAIN is done one element at a time.
Lanes layout_lanes(const Layout *l);
// The vectors of one image's row (y) or pixel: channel blocks, or features.
int64_t layout_rows(const Layout *l, Shape s);
// True if blocks are runs of V neighbouring channels: no piece but the last ends inside a block.
bool blocks_are_runs(const Layout *l);
// H, W, OUT_H, OUT_W, KERNEL_H, ... of a window from maps of `in` to maps of `out`.
void head_window(Emit *e, const Window *w, Shape in, Shape out);
// From here to head_close `real` is one float: the vocabulary of the prelude follows.
void head_scalar(Emit *e);
// The fused functions of a group's epilogue:
//     real EPILOGUE(void *const *t, real v, long n, long b, long y, long x)
// v is the root's value (PATTERN_POINTWISE: the first input of the first node) at block b of image
// n, row y, column x; returns what is stored in the group's last output. Operands are loaded and
// side outputs stored inside, through their own addresses. `real` is a vector along `lanes`
// (LANES_ONE: head_scalar first). Padding lanes come out as zeros.
bool head_epilogue(Emit *e, const Kern *k, Lanes lanes);
// Of a group that has a prologue:
//     real PROLOGUE(void *const *t, long n, long b, long y, long x)
// What the kernel finds there in the root's input 0, rounded as that would be stored.
bool head_prologue(Emit *e, const Kern *k, Lanes lanes);
// Copies the body file in ("cpu/pool.c"), with #line before it and after it.
bool head_body(Emit *e, const char *file);
// Undefines all that the head has defined.
void head_close(Emit *e);

// --- kernel texts (made by CMake from kernels/) ----------------------------------------------------

typedef struct { const char *name, *text; } KernelText;        // "cpu/conv_tile.c"
extern const KernelText kernel_texts[];                        // ended by name NULL
const char *kernel_text(const char *name);                     // NULL: no such file
#endif
