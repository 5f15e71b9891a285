// Shapes, and all size arithmetic of the compiler. Nothing outside this module multiplies
// dimensions: every product here is checked, so a hostile file cannot make a small buffer.
#ifndef TENSOR_SHAPE_H
#define TENSOR_SHAPE_H
#include <stdbool.h>
#include <stdint.h>

// Activations: n images of c maps of h x w. Convolution weights (KCRS): n filters of c maps of
// h x w. Weights of a fully connected layer: n outputs, c inputs, 1 x 1. A bias: 1 x c x 1 x 1.
// A label or a metric: n x 1 x 1 x 1. A dimension is at least 1 once it is known.
typedef struct { int64_t n, c, h, w; } Shape;

enum { SHAPE_MOST = INT32_MAX };                    // the largest dimension
#define SHAPE_MOST_BYTES ((int64_t)1 << 40)         // the largest tensor

bool    shape_is_legal(Shape s);                    // dimensions 1..SHAPE_MOST, bytes as above
bool    shape_equal(Shape a, Shape b);
int64_t shape_count(Shape s);                       // n*c*h*w of a legal shape
int64_t shape_item(Shape s);                        // c*h*w
// Checked arithmetic; false on overflow of int64_t (then *out is 0).
bool    size_multiply(int64_t a, int64_t b, int64_t *out);
bool    size_add(int64_t a, int64_t b, int64_t *out);
int64_t size_round_up(int64_t value, int64_t to);   // value >= 0, to > 0
// "96x55x55" (without n) into `to` of at least SHAPE_TEXT bytes; returns `to`.
enum { SHAPE_TEXT = 64 };
char   *shape_text(char *to, Shape s);

// A window that slides over a map: convolution and pooling. Pads are zeros (convolution) or not
// there (pooling: windows are clipped).
typedef struct {
    int  kernel_h, kernel_w;
    int  stride_h, stride_w;
    int  dilation_h, dilation_w;
    int  pad_top, pad_left, pad_bottom, pad_right;
    bool round_up;             // output = ceil(...) + 1 instead of floor(...) + 1
} Window;
bool    window_equal(const Window *a, const Window *b);

// Outputs along one axis: floor or ceil of (size + pads - dilated kernel) / stride, plus 1; with
// round_up a last window that would start beyond size + pad_before is not counted. 0 or less: the
// kernel does not fit.
int64_t window_outputs_h(const Window *w, int64_t height);
int64_t window_outputs_w(const Window *w, int64_t width);
// Rows (columns) of zeros below (right of) the map that the last window reads: at least the pad,
// more when round_up lets it hang over. AlexNet's conv1 reads 3.
int64_t window_reach_h(const Window *w, int64_t height);
int64_t window_reach_w(const Window *w, int64_t width);
#endif
