// Index maps of contractions: functions of the head that say where row i of an operand, or term i of
// its sums, stands (kernels/cuda/places.cu). In: strides of a tensor, a window; out: text.
#ifndef EMIT_CUDA_PLACES_H
#define EMIT_CUDA_PLACES_H
#include "emit/axis.h"
#include "emit/cuda/head.h"

// Distances between elements of an NHWC tensor; of a flattened one a pixel holds `pixel` features.
typedef struct { int64_t origin, item, row, column, pixel; } Strides;
Strides strides_of(const Node *n);

// Windows over a map: their rows and columns by class, `beside` wherever taps may fall beside the map.
typedef struct {
    Axis rows, columns;
    int64_t height, width;         // of the map
    int last_row, last_column;     // of the filters, where they are read backward
    bool beside;
} Windows;
// Classes of outputs: those of rows times those of columns.
int  windows_classes(const Windows *w);
int  windows_row_taps(const Windows *w);       // the most of any class; columns likewise
int  windows_column_taps(const Windows *w);
// The most windows (taps) of any class.
int64_t windows_most(const Windows *w);
int64_t windows_most_taps(const Windows *w);
// Bits of a place: those of 32, of 64, or 0: too many.
int  windows_bits(const Windows *w);

// A value by class q: `#define NAME(q) value`, or a function over a table where classes differ.
void map_by_class(Emit *e, const char *name, const int64_t *values, int classes);
// CLASSES, ROW_CLASSES, COLUMN_CLASSES; by class outputs ROWS(q) and COLUMNS(q), ROW_TAPS(q), where their
// windows start, ROW_START(q), and the first of their taps, ROW_TAP(q).
void map_classes(Emit *e, const Windows *w);

// The maps. `group`: distance from group to group.
// Row i stands at i * stride; there are `count`. Where the other side has windows, it is a tap.
void map_rows(Emit *e, const char *name, int64_t count, int64_t stride, int64_t group, bool is_tap);
// Feature i: `s->pixel` of them side by side, then the next pixel.
void map_features(Emit *e, const char *name, int64_t count, const Strides *s, bool is_tap);
// Window i of class q, image by image, over the tensor with these strides.
void map_windows(Emit *e, const char *name, const Windows *w, int64_t images, const Strides *s,
                 int64_t group);
// Pixel i of the maps that those windows make, all classes of which are one.
void map_pixels(Emit *e, const char *name, int64_t images, const Strides *s);
// Term i of the window: channel i % channels of tap i / channels, in the tensor the windows stand over.
// `is_run`: the taps of a row, `channels` numbers, stand side by side.
void map_taps(Emit *e, const char *name, const Windows *w, int64_t channels, const Strides *s, bool is_run);
// The same taps of an input gradient in its filters: filter i % channels of `filters`, taps backward.
void map_filters(Emit *e, const char *name, const Windows *w, int64_t channels, int64_t filters,
                 const Strides *s);
#endif
