// Which taps each output of a convolution or of its input gradient adds up, along one axis.
//
// A forward output h reads inputs h * stride - pad + r * dilation. An input gradient reads the
// output gradient at (h + pad - r * dilation) / stride wherever that is whole: outputs with the
// same remainder by the stride see the same taps and form a class. Taps of an input gradient are
// counted in flipped order (tap 0 is r = kernel - 1), so that inputs rise with taps.
#ifndef EMIT_AXIS_H
#define EMIT_AXIS_H
#include "tensor/shape.h"

enum { AXIS_CLASSES = 16 };

typedef struct {
    int64_t outputs;               // how many of the class there are
    int     taps, tap;             // how many they see, the first of them
    int64_t start;                 // input of the first tap for the class's first output
} AxisClass;

typedef struct {
    int classes;                   // outputs h, h + classes, ... are one class
    int step;                      // inputs from one output to the next of its class
    int tap_step;                  // from one tap of a class to its next, in the weights
    int in_step;                   // the same in the input
    AxisClass at[AXIS_CLASSES];
} Axis;

Axis axis_forward(int kernel, int stride, int dilation, int pad, int64_t outputs);
// False when there are too many classes for a kernel made of them.
bool axis_gradient(Axis *a, int kernel, int stride, int dilation, int pad, int64_t outputs);
// The lowest and the highest input that is read.
void axis_range(const Axis *a, int64_t *low, int64_t *high);
#endif
