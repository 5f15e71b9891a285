// What the passes with a target must know about each op: the layouts its kernels read and leave,
// and the pattern of kernel it starts; and about each kind of target: what those layouts are there.
#ifndef PASS_RULES_H
#define PASS_RULES_H
#include "ir/group.h"
#include "ir/target.h"

typedef enum {
    WANT_NOTHING,      // no such input
    WANT_ANY,          // whatever layout the value has
    WANT_SAME,         // that of input 0
    WANT_MAP,          // BLOCKED
    WANT_IMAGE,        // BLOCKED, or PLAIN where an input of the net has few channels
    WANT_MAP_OR_PANEL, // BLOCKED or PANEL
    WANT_PANEL,        // PANEL
    WANT_COLUMNS,      // COLUMNS
    WANT_FILTERS,      // FILTERS over BLOCKED, FILTERS_IN over PLAIN
    WANT_FLIPPED,      // FILTERS, rotated and transposed by a FLIP node
    WANT_DENSE,        // DENSE
    WANT_LOCAL,        // FILTERS_IN: filters of every place, one after the other
    WANT_CHANNELS,     // one value a channel: BLOCKED 1 x 1 with the pieces of input 0
    WANT_PLACES,       // one value a channel and place: a map with the pieces of input 0, without halo
    WANT_PLAIN,        // PLAIN without halo
    WANT_AS_PARAM,     // that of the parameter it belongs to (the solver's gradient)
    WANTS
} Want;

// Which pieces the channels of an output come in.
typedef enum {
    PIECES_KEPT,       // those of input 0 (one piece where the number of channels changes)
    PIECES_ONE,
    PIECES_JOINED,     // those of all inputs, one after the other
    PIECES_CUT,        // those of input 0 between two channels
    PIECES_FORWARD     // those of the input that the forward node read
} PiecesRule;

// How an op can be done without moving anything.
typedef enum {
    VIEW_NEVER,
    VIEW_WHOLE,        // the output is input 0
    VIEW_CUT,          // the output is some channels, or images, of input 0
    VIEW_JOINED        // the inputs live in the output
} ViewRule;

enum { RULE_INPUTS = 4 };

typedef struct {
    Want       in[RULE_INPUTS];
    Want       out;
    PiecesRule pieces;
    ViewRule   view;
    Pattern    pattern;        // of a group that this op roots
    unsigned   unread;         // bit i: input i is there for the gradient formula only; the kernel
                               // does without (the places of maxima replace the pooled map)
} Rule;

extern const Rule op_rules[OP_COUNT];

// What a kind of target makes of the wants. On CPUs each has a layout of its own; on GPUs channels
// stand innermost everywhere: filters, rows of features and maps are all NHWC.
typedef struct {
    LayoutKind kinds[WANTS];       // LAYOUT_NONE: decided by the value or the weights' reader
    bool       flips;              // input gradients read rotated, transposed weights
    bool       loop_rounds;        // contractions round images and dense weights where they read them
    bool       updates_round;      // updates write the rounded copies of weights, too
    bool       moves_round;        // kernels that move values round what they store, too
    bool       sums_rows;          // weight gradients add up the bias's gradient on their way
} TargetLayouts;
extern const TargetLayouts target_layouts[TARGET_KINDS];

// Chains of ops that one body computes: each next op reads the one before it and is the only one
// that does. Longer chains come first; pointwise nodes may follow.
typedef struct {
    Pattern     pattern;
    Op          first, second;
    bool        is_update;     // only where gradients need not be stored
    unsigned    kinds;         // of targets that have such a body: bits 1 << TargetKind
    const char *reason;
} Duo;
extern const Duo op_duos[];   // ended by a NULL reason

// True if the op cuts or joins along the images, not along the channels.
bool rule_moves_images(Op op);
// True if a root of this pattern reads, as its input 1, the gradient of what its layer has made, which
// the gradient of the layer's bias sums up.
bool rule_reads_gradient(Pattern p);

// True if pointwise nodes behind a root of this pattern can join its kernel.
bool rule_takes_epilogue(Pattern p);
// True if pointwise nodes before this root can be computed where its kernel reads them: on GPUs the
// gradient of a pool gathers from the windows over a pixel, at most rule_readings of them.
bool rule_takes_prologue(const Node *root);
int  rule_readings(const Node *root);

static inline Want rule_want(const Node *n, int input)
{
    return op_rules[n->op].in[input < RULE_INPUTS ? input : RULE_INPUTS - 1];
}

static inline bool rule_reads(const Node *n, int input)
{
    return !(input < 32 && op_rules[n->op].unread >> input & 1);
}

// True if the kernel of this gradient reads where its forward node found the maxima.
bool rule_needs_places(const Node *gradient);

// Few-channel images on GPUs are read in runs: all taps of a row of a window at once, as one run of
// neighbouring floats. Copies into shared memory move `vector` elements, so every run starts at a
// multiple of it. The number of channels that pixels are padded to (1, 2, 4, ...): `vector` where
// only whole vectors will do, and then taps are read one by one.
int image_pixel_padding(const Window *w, int64_t channels, int vector);
// How many columns of `pixel` elements make a row of `columns` a multiple of `vector`.
int image_row_padding(int64_t columns, int64_t pixel, int vector);

// Rows and columns of zeros around a map.
typedef struct { int64_t top, left, bottom, right; } Halo;
// Widens `need` by what the kernel of `user` reads around its input `i`.
void rule_halo(const Node *user, int i, Halo *need);
#endif
