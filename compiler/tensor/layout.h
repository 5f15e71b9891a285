// Layouts: where the elements of a tensor stand in memory. Users and checkpoints see logical
// NCHW / KCRS; a pass picks a layout per tensor and target; this module knows the addresses.
#ifndef TENSOR_LAYOUT_H
#define TENSOR_LAYOUT_H
#include "tensor/shape.h"

typedef enum {
    LAYOUT_NONE,       // not chosen yet
    LAYOUT_PLAIN,      // [n][c][h + halo][w + halo]: inputs, biases, labels, metrics
    LAYOUT_BLOCKED,    // [n][c / V][h + halo][w + halo][V]: NCHWc with a stored halo of zeros
    LAYOUT_PANEL,      // [features / V][n][V]: what a fully connected layer writes
    LAYOUT_COLUMNS,    // [features][n rounded up to V]: what a fully connected layer reads
    LAYOUT_FILTERS,    // [k / V][c / V][r][s][V of c][V of k]: convolution weights
    LAYOUT_FILTERS_IN, // [k / V][c][r][s][V of k]: weights of a convolution over a PLAIN input
    LAYOUT_DENSE,      // [o / V][features][V of o]: fully connected weights
    LAYOUT_NHWC        // [n][h + halo][w + halo][c rounded up to V]: everything on GPUs; filters are
                       // [k][r][s][c], flattened maps [n][features in the order h, w, c]
} LayoutKind;

enum { LAYOUT_PIECES = 16 };

// Channels come in pieces (the parts of a split, the branches of a concatenation): every piece
// starts a new block of V channels, so a part boundary inside a block is no special case. The
// lanes beyond a piece's last channel hold zeros.
typedef struct { int count; int32_t channels[LAYOUT_PIECES]; } Pieces;

typedef enum {
    ELEMENT_FLOAT,
    ELEMENT_TF32,      // a float whose lowest 13 bits are zero: tensor cores take it as it is
    ELEMENT_BF16       // the upper 16 bits of a float
} Element;

typedef struct {
    LayoutKind kind;
    Element    element;
    int        vector;                       // V
    int        top, left, bottom, right;     // halo rows and columns (PLAIN, BLOCKED,
                                             // NHWC)
    Pieces     pieces;                       // of the channels (activations), of the input
                                             // channels (weights); count 0: one piece
    Pieces     pieces_out;                   // weights: of the output channels
    int        in_h, in_w;                   // DENSE, PANEL, COLUMNS, NHWC: the map that a feature
                                             // came from; feature order is [c / V][h][w][V of c],
                                             // in NHWC [h][w][c]
    int64_t    item_stride;                  // PLAIN, BLOCKED, NHWC: elements from one image to the
                                             // next (larger than an image inside a concatenation)
    int64_t    pixel_stride;                 // NHWC: elements from one pixel to the next; 0: its own
                                             // channels, padded
} Layout;

int64_t layout_blocks(const Pieces *p, int64_t channels, int vector);   // blocks of V, all pieces
int64_t layout_channel(const Pieces *p, int64_t c, int vector);  // padded index of channel c
int     element_bytes(Element e);
Pieces  pieces_one(int64_t channels);               // all channels together
Layout  layout_compact(Layout l);                   // without halo, in nobody else's memory
int64_t layout_pixel(const Layout *l, Shape s);     // NHWC: channels of a pixel, padded
int64_t layout_item(const Layout *l, Shape s);      // elements of one image, halo and padding in
int64_t layout_elements(const Layout *l, Shape s);  // elements of the whole tensor; -1: overflow
// Element offset of logical element (n, c, h, w) from the tensor's first element.
int64_t layout_address(const Layout *l, Shape s, int64_t n, int64_t c, int64_t h, int64_t w);
bool    layout_equal(const Layout *a, const Layout *b);
bool    layout_is_weights(const Layout *l);         // FILTERS, FILTERS_IN, DENSE
bool    layout_has_padding(const Layout *l, Shape s);   // elements that must be and stay zero
// Dense NCHW <-> stored. `dense` holds shape_count(s) floats. Padding is left alone.
void    layout_gather(const Layout *l, Shape s, const float *stored, float *dense);
void    layout_scatter(const Layout *l, Shape s, const float *dense, float *stored);
const char *layout_name(LayoutKind kind);           // "blocked"
#endif
