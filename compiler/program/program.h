// The program: what the compiler leaves and the runtime runs. The narrow waist between the two:
// plain data, no pointer to a node, no name that has to be resolved. Everything that can be known
// before the first step is in here: kernel texts, buffers with fixed offsets, launches, copies,
// who waits for whom, rates, the data pipeline.
//
// docs/architecture.md section "Program" is the guided tour. program_print shows one,
// program_validate says whether one can be run at all, program_save and program_load keep one.
#ifndef PROGRAM_PROGRAM_H
#define PROGRAM_PROGRAM_H
#include "base/arena.h"
#include "recipe/recipe.h"
#include "tensor/layout.h"
#include <stdint.h>
#include <stdio.h>

enum { PROGRAM_VERSION = 1, PROGRAM_ERROR = 256, PROGRAM_DEVICES = 8 };
// An input is there at most once a device and run of images: all, each half, ... each eighth.
enum { PROGRAM_PORT_TENSORS = PROGRAM_DEVICES * (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8) };

// --- where things are ---------------------------------------------------------------------------

// A place in a .net file, resolved: programs travel without their sources.
typedef struct { const char *path; int line, column; } SourcePlace;

// A logical device. Physical ones are bound when a session opens.
typedef struct {
    const char *name;              // "gpu0"
    const char *target;            // "cpu:avx512", "cpu:avx2", "cpu:sse2", "cpu:neon", "cuda:sm_90a:bf16"
    int         vector;            // floats of a vector register of that target
    int64_t     arena_bytes;       // one allocation holds all buffers of this device
} ProgramDevice;

typedef enum {
    BUFFER_PARAM,                  // weights, biases: kept across sequences, in checkpoints
    BUFFER_VELOCITY,               // momentum of a parameter: as above
    BUFFER_STATE,                  // StepState below, then the rates: written by the host
    BUFFER_INPUT,                  // images, written by the host before a sequence
    BUFFER_LABEL,                  // int32 labels, -1: no sample in this place (weight 0)
    BUFFER_OUTPUT,                 // read by the host after a sequence: loss, metrics, probabilities
    BUFFER_RECEIVE,                // written by a copy from another device
    BUFFER_VALUE,                  // anything else that lives within a sequence
} BufferRole;

// Bytes of a device's arena. Buffers whose lives do not overlap may share bytes.
typedef struct {
    const char *name;
    int         device;
    BufferRole  role;
    int64_t     offset, bytes;     // multiples of 64
    bool        shared;            // its bytes belong to other buffers too, at other times
    bool        needs_zero;        // halo or padding: see Sequence.zero
} Buffer;
// PROGRAM_GUARD bytes stand between two buffers of a device unless they live at different times
// (both shared). The runtime puts guards of its own before the arena's first and after its last byte.
enum { PROGRAM_GUARD = 64, PROGRAM_ALIGN = 64 };

// A tensor: a logical shape over bytes of a buffer. Views (slices, concatenated parts) are tensors
// with an offset in somebody else's buffer.
typedef struct {
    const char *name;              // "conv2.part1", "conv2.dw"
    int         buffer;
    int64_t     offset;            // bytes from the buffer's start
    Shape       shape;             // logical
    Layout      layout;
    bool        is_bytes;          // uint8 elements (places of maxima); else float, or int32 labels
} Tensor;

// What the host writes into every device's BUFFER_STATE (one a device) before each run of a
// sequence; kernels read it. After it follow ParamRates[param_count]. A loss kernel may set `stop`
// although state is among its read arguments; a copy hands a set `stop` on from the sender's device
// to the receiver's, so updates on other devices, whose gradients come by such copies, see it too.
typedef struct {
    uint64_t seed, step;           // key of all random numbers
    int32_t  stop;                 // set by the loss kernel on NaN or infinity: updates then do nothing
    int32_t  images;               // samples that count in this batch (labels other than -1)
    int32_t  first, last;          // is the batch the step's first, its last? Both in a step of one
                                   // batch; see Sequence.accumulate
} StepState;
typedef struct { float lr, momentum, decay, reserved; } ParamRates;

// --- parameters ---------------------------------------------------------------------------------

typedef struct { int tensor, velocity; int64_t first_row; } ParamPart;   // rows (n; c of a bias)

typedef enum { FILL_CONSTANT, FILL_GAUSSIAN, FILL_UNIFORM } FillKind;

typedef struct {
    const char *name;              // "conv2.weights": also the name in checkpoints
    const char *layer;             // "conv2": where settings like conv2.lr point
    bool        is_bias;
    Shape       shape;             // logical, whole
    FillKind    fill;              // drawn by logical index, so a split changes nothing
    double      fill_value;        // the constant, the standard deviation, or the bound
    ParamPart  *parts;             // in order of rows; sequences share them
    int         part_count;
} ProgramParam;

// --- kernels ------------------------------------------------------------------------------------

// One translation unit: a complete text that the target's compiler takes.
typedef struct {
    const char *target;            // which compiler: as ProgramDevice.target
    const char *name;              // "kernels-0.c"
    const char *flags;             // of that compiler, separated by single spaces
    const char *text;
    const char *path;              // of the file that replaced what was generated; NULL. Not saved
} KernelUnit;

// A product that cuBLAS makes in place of a kernel, D[m][n] = sum over k of A[m][k] * B[n][k]: the launch's
// tensors are A, B and, written, D, which holds floats, rows side by side. Distances count elements.
typedef struct {
    int     m, n, k;               // m 0: no product
    int     a_row, b_row;          // from row to row of A, of k terms; of B
    bool    b_along_n;             // B's rows are terms, of n columns; else columns, of k terms
    Element element;               // of A and B; what is float or TF32 is multiplied as such
} LibraryProduct;

// CPU: void symbol(void *const *t, long item, void *scratch): t[i] is the first byte of the launch's
// tensor i, `item` counts 0..items-1, `scratch` is the worker's own, 64-byte aligned, undefined.
// CUDA: extern "C" __global__ void symbol(t0, t1, ...), a pointer for each of the launch's tensors.
typedef struct {
    const char *symbol;            // "k12_conv3": index and escaped name, no user text otherwise
    const char *title;             // of the launch that it was made for; others may share it
    const char *body;              // which body of kernels/ it was made from
    int         unit;
    int64_t     scratch;           // CPU: bytes each worker needs
    int         threads;           // CUDA: of a block; 0 on CPUs
    int64_t     shared;            // CUDA: bytes of dynamic shared memory a block needs
    LibraryProduct     product;           // CUDA: what cuBLAS makes; the text then only says so
    int         first_line, last_line;     // in the unit's text, 1-based: `show kernels` cuts here
} Kernel;

// --- what is run --------------------------------------------------------------------------------

// Items of a launch may run in any order and at once: their outputs are disjoint.
// ITEMS_IMAGES: item i reads and writes what belongs to image i only (and parameters), so a chain
// of such launches, all with equally many items, goes through item by item without a barrier between.
typedef enum { ITEMS_IMAGES, ITEMS_JOBS } ItemKind;

typedef struct { int x, y, z; } Grid;      // blocks of a CUDA launch; zeros on CPUs

typedef struct {
    int         kernel;
    int        *tensors;           // arguments, in the order of the kernel's signature
    int         tensor_count;
    int         writes;            // the last `writes` of them are written, the others only read
    ItemKind    item_kind;
    int64_t     items;             // CUDA: blocks, the product of the grid
    Grid        grid;              // CUDA
    bool        refreshes;         // makes a rounded copy of a parameter that is there already when the
                                   // sequence runs again: whoever writes the parameter writes the
                                   // copy, too. To be run when the sequence is entered (Sequence.zero)
                                   // or the host wrote parameters; at other times it changes nothing
    int64_t     flops, bytes;      // of all items; bytes: compulsory traffic
    double      seconds;           // CUDA: predicted; 0 on CPUs
    const char *limiter;           // CUDA: what keeps it from being faster: "DRAM"; else ""
    const char *plan;              // CUDA: its row of a plan file (emit/cuda/plan.h); "": it has none
    const char *title;             // "conv3 forward: conv 3x3 + bias + relu [part 0 of 2]"
    const char *layer;             // "conv3"; "" for the loss
    const char *phase;             // "forward", "input gradient", "weight gradient", "update"
    SourcePlace *places;           // the lines of .net text it computes
    int         place_count;
    const char *reason;            // why it was fused or chosen this way, one line
} Launch;

typedef enum {
    COMMAND_CHAIN,                 // for every image: all launches, in order (all ITEMS_IMAGES)
    COMMAND_GROUP,                 // all items of all launches in any order: no launch of it
                                   // reads or writes what another of it writes
    COMMAND_COPY                   // one Copy
} CommandKind;

// Commands stand in one order that is legal for all devices together. A device executes its own
// in that order; commands of different devices are only ordered by `waits`.
typedef struct {
    CommandKind kind;
    int         device;            // who executes it; a copy: the receiver
    int         first, count;      // launches of the sequence; a copy: index into its copies
    int        *waits;             // earlier commands of other devices that must be done first; none
    int         wait_count;        // that the device's own order or another of them implies
} Command;

// Moves one tensor between devices. Both sides are logical tensors of equal shape; what crosses is
// packed: halos and padding never travel, so `bytes` is 4 * shape_count.
typedef struct {
    int         from, to;          // tensors
    int64_t     bytes;
    const char *layer;             // whose value it is: "pool2"
    const char *point;             // where it is needed: "conv3"; empty for a join
    bool        backward;
    int         chunk, chunks;     // which run of the value's images; 0 of 1: all
    SourcePlace place;
} Copy;

typedef enum { SEQUENCE_TRAIN, SEQUENCE_TEST, SEQUENCE_PREDICT } SequenceKind;

typedef struct {
    const char *name;              // "output", "loss", "top5", or an input's name
    int         tensors[PROGRAM_PORT_TENSORS]; // where the host writes it (all) or reads it (the
                                   // first); -1 ends
    int         first[PROGRAM_PORT_TENSORS];   // the tensor's first image: inputs may be there in
                                   // runs of images, where parts compute them
    Shape       shape;
} ProgramPort;

typedef struct {
    SequenceKind kind;
    int          batch;
    int          accumulate;       // training: runs of a step, each of a batch of its own, behind whose last
                                   // weights follow the mean of the gradients; 1 elsewhere
    Launch      *launches;
    int          launch_count;
    Copy        *copies;
    int          copy_count;
    Command     *commands;
    int          command_count;
    ProgramPort *inputs;           // images; then, unless predicting, "label"
    int          input_count;
    ProgramPort *outputs;          // loss, metrics in the recipe's order, then the net's outputs
    int          output_count;
    int         *zero;             // buffers to clear when this sequence is entered, that is, run
                                   // after another one: while it runs again and again nothing
                                   // else of it may use their bytes, and nobody writes the zeros
    int          zero_count;
    int         *named;            // tensors a user may read by name after it (whole, or parts
                                   // named "conv2.part0", ...): intact at its end
    int          named_count;
} Sequence;

// Where lines like `#line 12 "source-0.net"` in kernel texts point: texts hold no user's text.
typedef struct { const char *path; } ProgramSource;

typedef struct Program {
    const char    *net;            // its name
    ProgramSource *sources;
    int            source_count;
    uint64_t       plan_hash[2];   // XXH3-128 of everything that decides bits; in checkpoints
    ProgramDevice *devices;
    int            device_count;
    Buffer        *buffers;
    int            buffer_count;
    Tensor        *tensors;
    int            tensor_count;
    ProgramParam  *params;
    int            param_count;
    KernelUnit    *units;
    int            unit_count;
    Kernel        *kernels;
    int            kernel_count;
    Sequence      *sequences;      // over one parameter table and one arena per device
    int            sequence_count;
    Recipe         recipe;
} Program;

// --- functions ----------------------------------------------------------------------------------

// Readable text: devices, buffers, parameters, kernels (titles), commands with who waits for whom.
void program_print(const Program *p, FILE *out);
// One command of a sequence, as program_print does.
void program_print_command(const Sequence *s, int command, FILE *out);
// True if the program can be run: indices in range, tensors inside buffers, buffers inside arenas,
// live buffers disjoint, guards in place, launches only touch tensors of their device, copies
// cross devices between equal shapes, waits point backwards and none implies another, every value is
// written before it is read, chains hold ITEMS_IMAGES only, copies that are refreshed never lag behind.
// False with what is wrong in `err`.
bool program_validate(const Program *p, char err[PROGRAM_ERROR]);
// A versioned text-and-JSON file (jansson) that program_load reads back to an equal program.
bool program_save(const Program *p, FILE *out, char err[PROGRAM_ERROR]);
// Everything it returns lives in `arena`. Refuses other versions and malformed files; validates.
Program *program_load(FILE *in, Arena *arena, char err[PROGRAM_ERROR]);
// Fills plan_hash: kernel texts, tensors, commands; not names, not places in the sources.
void program_hash(Program *p);
#endif
