// What the files of ops/ share: the names of all OpInfos, shapes that many ops have, faults in the
// user's net, windows, costs.
#ifndef OPS_OPS_H
#define OPS_OPS_H
#include "ir/gradient.h"

#define OP(id, text) extern const OpInfo op_##text;
#include "ir/op.def"
#undef OP

// --- ops/infer.c ---------------------------------------------------------------------------------

bool infer_like_input(Graph *g, Node *n);            // the shape of in[0]
bool infer_like_inputs(Graph *g, Node *n);           // that of all inputs, which must be equal
bool infer_like_operand(Graph *g, Node *n);          // that of forward->in[0]: gradients
bool infer_like_weights(Graph *g, Node *n);          // that of forward->in[1]: weight gradients
bool infer_per_image(Graph *g, Node *n);             // n x 1 x 1 x 1 from scores and labels
// The gradient of what hands its values on as they are.
void grad_unchanged(Graph *g, Node *n, Node *dy);

// Reports a fault at n, its layer's name in front. Returns false.
bool op_fault(Graph *g, const Node *n, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// --- ops/window.c --------------------------------------------------------------------------------

// Kernel, stride and dilation at least 1, pads not negative, and the kernel fits in the padded map.
// `what` is said of the kernel: "kernel", "window".
bool window_check(Graph *g, const Node *n, const Window *w, Shape in, const char *what);
// The shape of `channels` maps after the window went over `in`.
Shape window_shape(const Window *w, Shape in, int64_t channels);
void window_print(const Window *w, FILE *out);       // "11x11 stride 4 pad 0..3 round up"

// --- ops/runs.c ----------------------------------------------------------------------------------

// What runs of channels (shape.c) and runs of images (batch.c) differ in.
typedef struct { bool of_images; const char *what, *code; Op slice, embed; } Runs;
bool runs_infer_slice(Graph *g, Node *n, const Runs *r);
bool runs_infer_embed(Graph *g, Node *n, const Runs *r);
void runs_grad_slice(Graph *g, Node *n, Node *dy, const Runs *r);
void runs_grad_concat(Graph *g, Node *n, Node *dy, const Runs *r);

// --- ops/cost.c ----------------------------------------------------------------------------------

// Counts saturate: a cost that does not fit in 63 bits is the largest that does.
// Each element of `out` sums shape_item(weights) products.
OpCost cost_of_products(Shape out, Shape weights);
OpCost cost_per_element(Shape s, int64_t flops);
#endif
