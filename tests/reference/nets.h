// Nets for tests, built through graph.h without the front end: logical graphs, as pass_shapes takes
// them. A split can also be built in its other form: one device, the equivalent groups.
#ifndef TESTS_NETS_H
#define TESTS_NETS_H
#include "ir/graph.h"

typedef enum {
    FORM_SPLIT,        // split(gpu0, gpu1, ...): every part on its own device
    FORM_PARTS,        // split(n): the same parts on one device
    FORM_GROUPED       // no split: grouped convolutions, lrn by parts
} SplitForm;

typedef struct Net {
    Arena        arena;
    jmp_buf      exhausted;
    Diag         diag;
    Graph       *g;
    Node        *at;           // where the net has come to
    SplitForm    form;
    int          parts;        // of the split at hand; 1 outside
    bool         is_local;     // `at` is shared out among the parts
    const Split *split;        // NULL outside, and in FORM_GROUPED
    int          layers;       // so far: names are numbered
} Net;

// An empty net with one input "data" and one label, one device more than needed for nothing.
void net_open(Net *n, SplitForm form, GraphMode mode, int batch, int64_t c, int64_t h, int64_t w);
void net_close(Net *n);

void net_split(Net *n, int parts);                 // until net_join
void net_join(Net *n);
void net_all(Net *n);
void net_conv(Net *n, const char *name, int64_t filters, Window w, int groups);
void net_local(Net *n, const char *name, int64_t filters, Window w);
void net_fc(Net *n, const char *name, int64_t outputs);
void net_relu(Net *n);
void net_tanh(Net *n);
void net_lrn(Net *n, int size);
void net_max_pool(Net *n, Window w);
void net_dropout(Net *n, double rate, bool scale_in_test);
// Cross entropy of `at`, made the net's output and scores; top(1) as a metric.
void net_loss(Net *n);
// conv(filters, kernel, stride, pad), square.
Window net_window(int kernel, int stride, int pad, bool round_up);

// The paper's net, loss included.
void net_alexnet(Net *n, SplitForm form, GraphMode mode, int batch);

// How many numbers the parameters of a device are, in a graph that has been placed.
int64_t net_params_on(const Graph *g, int device);
#endif
