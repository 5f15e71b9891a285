// Small nets for tests, built node by node through ir/graph.h.
#ifndef REFERENCE_SMALL_NET_H
#define REFERENCE_SMALL_NET_H
#include "evaluate/evaluate.h"

typedef struct SmallNet {
    Arena   arena;
    jmp_buf exhausted;
    Diag    diag;
    Graph  *g;
} SmallNet;

// Opens a net, calls `body`, closes it. The test fails when memory runs out.
void small_net(GraphMode mode, int batch, void (*body)(SmallNet *s, const void *with),
               const void *with);

// Each returns the new node, or NULL when its shape was refused (s->diag says why). NULL as an
// input gives NULL.
Node *small_input(SmallNet *s, int64_t c, int64_t h, int64_t w);
Node *small_values(SmallNet *s, const char *name, Shape shape);   // a parameter used as a value
Node *small_conv(SmallNet *s, Node *x, int64_t filters, int groups, Window w);
Node *small_fc(SmallNet *s, Node *x, int64_t outputs);            // flattens x where needed
Node *small_bias(SmallNet *s, Node *x);
// An op without parameters; `with` (may be NULL) holds its attr.
Node *small_op(SmallNet *s, Op op, const Node *with, int inputs, Node *const *in);
Node *small_op1(SmallNet *s, Op op, const Node *with, Node *x);
// The label, the loss and top(1) behind the scores, as the front end puts them.
void  small_loss(SmallNet *s, Node *scores);
Window small_window(int kernel, int stride, int pad);             // square, rounds down
#endif
