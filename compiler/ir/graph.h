// The graph: one Node per op, inputs before users. Built by the front end, rewritten by passes.
// docs/architecture.md says which pass fills which field.
#ifndef IR_GRAPH_H
#define IR_GRAPH_H
#include "base/arena.h"
#include "base/diag.h"
#include "base/names.h"
#include "base/solver.h"
#include "ir/elementwise.h"
#include "ir/op.h"
#include "tensor/layout.h"

enum { NO_DEVICE = -1, GRAPH_DEVICES = 8 };

// Where a node's text was called from: a block's body carries the chain of calls.
typedef struct Call {
    const char        *what;          // "bottleneck", or "i = 0" for a pass of a `for`
    Span               at;            // the call site
    const struct Call *outer;
} Call;

// A layer as its user knows it: what `as` names, overrides and messages point at. A layer becomes
// several nodes (weights, convolution, bias).
typedef struct Layer {
    const char *name;                 // "conv1", "stage2.conv3"
    const char *kind;                 // "conv"
    Span        at;                   // the stage
    const Call *call;                 // NULL outside of blocks
    int         index;                // place in graph->layers
} Layer;

// A region `split(gpu0, gpu1) { ... }` or `replicate(gpu0, gpu1) { ... }`: its nodes are lowered to `parts`
// parts by pass_place. A part of a split computes a run of channels, one of a replicate a run of images.
// Within another region each of its parts is one of the outer part's, part k in part k * outer / parts: it
// holds a run of channels and a run of images, and there are channels * images = parts such pairs.
typedef enum { SPLIT_CHANNELS, SPLIT_BATCH } SplitKind;

typedef struct Split {
    SplitKind kind;
    int   parts;                      // those of the outer regions included
    int   channels, images;           // runs of channels and of images, over all parts
    const struct Split *outer;        // NULL: none
    int   device[GRAPH_DEVICES];      // of each part
    Span  at;
    const char *text;                 // "split(gpu0, gpu1)", for messages
} Split;

// Fills kind, outer and all numbers of a region of `own` parts.
void split_count(Split *s, SplitKind kind, const Split *outer, int own);
int  split_channel(const Split *s, int part);        // which run of channels a part holds
int  split_image(const Split *s, int part);          // which run of images
static inline int split_channels(const Split *s) { return s ? s->channels : 1; }
static inline int split_images(const Split *s) { return s ? s->images : 1; }

typedef enum { INIT_CONSTANT, INIT_GAUSSIAN, INIT_XAVIER, INIT_HE } InitKind;
typedef struct { InitKind kind; double value; } Init;     // constant: value; gaussian: std
// xavier: uniform in +-sqrt(6 / (fan_in + fan_out)); he: gaussian, std sqrt(2 / fan_in). Fans are
// those of the whole layer, not of a part.

// A parameter of the whole net, before any split; PARAM nodes are views of its rows.
typedef struct Param {
    const char  *name;                // "conv2.weights", "conv2.biases"
    const Layer *layer;
    bool         is_bias;             // takes the `biases` rates, no decay unless asked for
    Shape        shape;               // logical: KCRS, OxI, or 1xCx1x1
    int64_t      fan_in, fan_out;
    Init         init;
    int          index;               // place in graph->params: same in train, test and predict
} Param;

typedef struct { int groups; Window window; } ConvAttr;        // conv, conv_dx, conv_dw
enum { MAX_POOL_TAPS = 256 };         // of a window: kernels keep the place of a maximum in a byte
typedef struct { Window window; }             PoolAttr;
typedef struct {
    int    size;                      // maps (lrn) or rows and columns (lrn_map) of the sum; odd
    double k, alpha, beta;            // d = k + alpha * sum of squares; y = x * d ^ -beta
    int    parts;                     // channels are normalised in so many equal runs (before place)
} LrnAttr;
typedef struct { int parts; } ConcatAttr;     // each of so many runs apart (before place); 0: all
typedef struct { double a, b; }               PointwiseAttr;   // scale: a * x + b
typedef struct { const Elementwise *function; } ElementwiseAttr; // of the file's own op, of a derivative
typedef struct {
    double rate;                      // probability of dropping
    bool   scale_in_test;             // paper: y = x * mask, test y = (1 - rate) * x; else inverted
    uint32_t key;                     // hash of the layer's name: keys the random numbers
    int64_t  first_channel, channels; // of the whole tensor, so that parts draw the whole's numbers
    int64_t  first_image;             // of the whole batch
} DropoutAttr;
typedef struct { Param *param; int64_t first_row; } ParamAttr; // rows (n; c of a bias) of `param`
typedef struct { int64_t first, count; } SliceAttr;            // slice: so many channels from `first`; embed:
                                      // of so many in all, the input's from `first`; batch_*: images
typedef struct { int k; } TopAttr;
typedef struct { int index; int64_t first; } PortAttr;        // input: which of graph->inputs, and its first
                                      // image; place repeats it on other devices and cuts it for parts
typedef struct { int batches; } AccumulateAttr;                // of a step
typedef struct {
    int        param;                 // index into params: finds its rates
    SolverRule rule;
    bool       waits;                 // does nothing but behind the last batch of a step
} UpdateAttr;

typedef struct Storage Storage;
typedef enum { ROLE_FORWARD, ROLE_BACKWARD, ROLE_UPDATE } NodeRole;

struct Node {
    Op           op;
    int          id;                  // its place in graph->nodes
    const char  *name;                // "conv2", "conv2.bias", "conv2.dw"; unique in the graph
    Span         at;                  // the .net text it came from
    const Layer *layer;               // NULL for the label and the loss
    NodeRole     role;
    Node       **in;
    int          inputs;
    union {                           // which one: see the structs above
        ConvAttr      conv;
        PoolAttr      pool;
        LrnAttr       lrn;
        ConcatAttr    concat;
        PointwiseAttr pointwise;
        ElementwiseAttr elementwise;
        DropoutAttr   dropout;
        ParamAttr     param;
        SliceAttr     slice;
        TopAttr       top;
        AccumulateAttr accumulate;
        UpdateAttr    update;
        PortAttr      port;
    } attr;
    Shape        shape;               // infer, when the node is added
    const Split *split;               // the region it stands in; NULL outside and after pass_place
    int          shared;              // front end: its channels are in so many runs, of which a part
                                      // of the split holds one; 1: whole. pass_place does without
    int          device;              // `on`, or pass_place; NO_DEVICE before it
    int          part, parts;         // pass_place: 1 of `parts` (0 of 1 outside of splits)
    int          chunk, chunks;       // pass_chunk: which run of its part's images; 0 of 1: all
    Node        *forward;             // backward nodes: the forward node they differentiate

    Layout       layout;              // pass_layout
    Node        *view;                // pass_layout: the node whose storage it lives in; NULL: its own
    int64_t      view_offset;         // pass_layout: elements from the start of `view`
    Node        *rounded;             // pass_layout: of a parameter: its copy in the elements that
                                      // contractions read, kept from step to step: the update
                                      // writes both. NULL: none
    struct Group *group;              // pass_fuse: the kernel that computes it; NULL: views, sources
    Storage     *storage;             // pass_memory: NULL: never in memory, or a view
    Storage     *places;              // pass_memory: uint8 places of the maxima of a pooling node
};

// Bytes in a device's arena that hold one node's values (and those of its views) for a while.
struct Storage {
    Node   *owner;
    int     device;
    int64_t offset, bytes;            // of the value region; the program puts parameters before it
    int     born, dies;               // commands of graph->commands: first that writes, last that reads
    bool    pinned;                   // lives all through the sequence: inputs, outputs, copies,
                                      // rounded parameters
    bool    needs_zero;               // halo or padding lanes that nobody writes
    bool    shared;                   // others use its bytes at other times
};

typedef struct { const char *name; Shape shape; Node *node; Span at; } Port;   // an input or output
typedef struct { Node *node; Shape shape; Span at; const Node *whose; } Promise;  // `is 96x27x27`

typedef enum { GRAPH_TRAIN, GRAPH_TEST, GRAPH_PREDICT } GraphMode;

struct Graph {
    Arena      *arena;
    Diag       *diag;
    const char *name;                 // of the net
    Span        derived, derived_name;           // `net a = b with { ... }` and a; {0, 0}: written out
    SolverRule  rule;                            // GRAPH_TRAIN: of all updates; who has the train section
    int         accumulate;                      // sets it, and how many batches a step has (1 as made),
                                                 // before pass_autodiff
    GraphMode   mode;
    int         batch;
    Node      **nodes;
    int         count, capacity;
    Layer     **layers;
    int         layer_count, layer_capacity;
    Param     **params;
    int         param_count, param_capacity;
    Promise    *promises;
    int         promise_count, promise_capacity;
    const char *devices[GRAPH_DEVICES];          // logical names; devices[0] is the default
    int         device_count;
    Port       *inputs, *outputs;     // outputs: probabilities where the net ends in softmax
    int         input_count, output_count;
    Node       *label;                // NULL in GRAPH_PREDICT
    Node       *scores;               // what cross_entropy takes
    Node       *loss;                 // n x 1 x 1 x 1: per image, 0 where the label is -1
    Node      **metrics;              // TOP nodes, in the order of the recipe
    int         metric_count;
    struct Group **groups;            // pass_fuse, in an order that respects inputs
    int         group_count, group_capacity;
    struct GroupCommand *commands;    // pass_schedule: runs of groups, in the order of execution
    int         command_count;
    Storage   **storages;             // pass_memory
    int         storage_count;
    int64_t     value_bytes[GRAPH_DEVICES];      // pass_memory: size of each device's value region
    Names       names;                // of nodes, for graph_add
    struct Gradients *gradients;      // while pass_autodiff runs (ir/gradient.h); else NULL
    unsigned    facts;                // what passes have established so far (pass/pass.h)
};

Graph *graph_new(Arena *arena, Diag *diag, const char *name, GraphMode mode, int batch);
// Appends a node with these inputs; name is kept, made unique by a number when taken. The caller
// fills attr and then calls graph_infer.
Node  *graph_add(Graph *g, Op op, const char *name, Span at, const Layer *layer, int inputs,
                 Node *const *in);
// Same, for the usual one or two inputs; span, layer, role, device and part are those of `like`.
Node  *graph_add1(Graph *g, Op op, const char *name, Node *like, Node *a);
Node  *graph_add2(Graph *g, Op op, const char *name, Node *like, Node *a, Node *b);
bool   graph_infer(Graph *g, Node *n);           // op's infer, plus legality of the shape
Layer *graph_add_layer(Graph *g, const char *kind, const char *name, Span at, const Call *call);
Param *graph_add_param(Graph *g, const Layer *layer, const char *what, bool is_bias, Shape shape);
int    graph_device(Graph *g, const char *name);           // index, added when new; -1: too many
// Puts inputs before users and updates behind all other readers of their parameter, drops nodes
// that nothing needs (not sources, updates, outputs), renumbers.
void   graph_compact(Graph *g);
void   graph_print(const Graph *g, FILE *out);             // one line a node
void   graph_print_json(const Graph *g, FILE *out);
// Is it the kept copy of a parameter?
static inline bool node_is_rounded(const Node *n) { return n->inputs == 1 && n->in[0]->rounded == n; }
// What a node does, for its reader ("relu"; "swish" of a file's own op), and for a kernel (OpInfo.text).
const char *node_kind(const Node *n);
const char *node_text(const Node *n);
// Its own attributes, behind a space: " 11x11 stride 4"; nothing where there are none.
void node_print(const Node *n, FILE *out);
// Adds to the last diagnostic that the net is derived from another, unless the derivation's own text
// is what it speaks of.
void   graph_note_derived(const Graph *g, Span at);
// Adds to the last diagnostic how a node came to be: notes for the chain of calls.
void   graph_note_calls(Graph *g, const Node *n);
#endif
