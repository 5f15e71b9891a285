// What the compiler knows about an op. Passes ask traits and call these functions; no pass, no
// emitter and no front end names an op in a switch.
#ifndef IR_OP_H
#define IR_OP_H
#include "base/diag.h"
#include "tensor/shape.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum {
#define OP(id, text) OP_##id,
#include "ir/op.def"
#undef OP
    OP_COUNT
} Op;

typedef struct Node  Node;
typedef struct Graph Graph;

typedef enum {
    OP_POINTWISE   = 1 << 0,   // out[i] depends on in[0][i] (and on operands read at i) only: `text` says how
    OP_CONTRACTION = 1 << 1,   // sums of products over a reduction axis: conv, fc and their gradients
    OP_WINDOW      = 1 << 2,   // reads a spatial window: pooling
    OP_NEIGHBOURS  = 1 << 3,   // reads neighbouring channels at the same pixel, or a window in a map: lrn
    OP_REDUCTION   = 1 << 4,   // many values in, few out: bias_dw, softmax, losses, metrics
    OP_SOURCE      = 1 << 5,   // no inputs; filled by the runtime: input, label, param
    OP_VIEW        = 1 << 6,   // moves nothing by itself when the layout allows: flatten, concat, slice
    OP_TRANSFER    = 1 << 7,   // from one device to another
    OP_UPDATE      = 1 << 8,   // writes a parameter in place; no user reads its value
    OP_RANDOM      = 1 << 9,   // draws numbers keyed by seed, step, layer and logical index
    OP_PER_MAP     = 1 << 10,  // channel c of the output needs channel c of the input only
    OP_PER_PART    = 1 << 11,  // under a split every part is treated apart (lrn)
    OP_DUPLICATES  = 1 << 12,  // place may repeat it on every device instead of copying its value
    OP_WEIGHTS     = 1 << 13,  // its value has the shape of a parameter
    OP_KEEPS       = 1 << 14,  // adds to what the run before has left in its bytes, which are its own
} OpTrait;

// What an op costs for one run of the whole node (all images of the batch).
typedef struct {
    int64_t macs;              // multiply-adds of contractions: what `show cost` adds up
    int64_t flops;             // all floating-point operations, a multiply-add being two
} OpCost;

// --- the vocabulary of pointwise texts ----------------------------------------------------------
// OpInfo.text is a C expression of type `real`; before it may stand others, each followed by `;`,
// whose values it and those behind them read. Every prelude (kernels/cpu/, kernels/cuda/)
// defines these words, for a scalar float or for a vector of floats:
//     real             the type of a value
//     R0  R1           the constants 0 and 1
//     r_const(x)       the constant x (a C float literal)
//     + - * / unary-   on two reals
//     < > <= >=        on two reals: only as the first argument of r_select
//     r_select(q,a,b)  where q holds a, else b; both are evaluated, a NaN in the other is not seen
//     r_max(a, b)      exactly r_select(a > b, a, b): a NaN in b comes out, as does b when equal
//     r_min(a, b)      exactly r_select(a < b, a, b)
//     r_exp  r_log  r_sqrt  r_abs  r_tanh    of one real, within 4 units in the last place
// and the holes of a text are
//     %0               the value that flows in
//     %1 %2 ...        the other inputs at the same place (a bias: at the same channel)
//     %t0 %t1 ...      the values of the text's earlier expressions
//     %a %b            the node's two numbers (OpInfo.numbers), as r_const
//     %r               a uniform random number in [0, 1): random_uniform of kernels/random.h of the
//                      element's logical index ((n * C + c) * H + h) * W + w modulo 2^32, where n
//                      is the image in the whole batch (attr.dropout.first_image + n) and c, C are
//                      the channel and channels of the whole tensor (attr.dropout.first_channel
//                      + c, attr.dropout.channels); keyed by seed, step and attr.dropout.key.
struct Elementwise;

typedef struct OpInfo {
    const char *name;
    int         least_inputs, most_inputs;     // most -1: any number
    unsigned    traits;
    const char *text;                          // OP_POINTWISE: see above
    // The node's function, whose name and text stand for those of the op; NULL: `text` is for all.
    const struct Elementwise *(*function)(const Node *n);
    // What %a and %b stand for; NULL: the text has none.
    void      (*numbers)(const Node *n, double *a, double *b);
    // Fills node->shape from the inputs' shapes; reports every fault to g->diag and returns false.
    bool      (*infer)(Graph *g, Node *n);
    // Adds the nodes that carry dL/d(out) to the inputs: for each input that is
    // gradient_wanted(g, n->in[i]) it calls gradient_add(g, n->in[i], node). NULL: none flows.
    // The loss gets dy NULL: its own gradient is 1 / batch for each image.
    void      (*grad)(Graph *g, Node *n, Node *dy);
    OpCost    (*cost)(const Node *n);           // NULL: pointwise, one flop an element
    // Prints the node's own attributes ("11x11 stride 4"), nothing when NULL.
    void      (*print)(const Node *n, FILE *out);
} OpInfo;

extern const OpInfo *const op_table[OP_COUNT];

static inline bool op_has(Op op, unsigned traits) { return (op_table[op]->traits & traits) != 0; }
#endif
