// What a kernel needs to know to prepare images: the stages of a data section behind the fixed ones. The
// host (runtime/data/prepare.h) says which they are and draws what is random.
#ifndef PROGRAM_PREPARE_H
#define PROGRAM_PREPARE_H
#include <stdbool.h>
#include <stdint.h>

// What is the same for all images.
typedef struct {
    int    channels, height, width;        // of the bytes, [image][channel][row][column]
    int    before_height, before_width;    // where the mean is subtracted, and of its planes
    bool   has_mean;
    double by, add;                        // to floats: by * byte + add
} InputStages;

// What is another for each: a window at (top, left), its columns reversed or not, of the bytes; one of that
// behind the mean; and what is added to each channel. The kernel reads a table of these, by image.
typedef struct { int32_t top, left, is_mirrored; } InputView;
typedef struct { InputView before, after; float light[3]; } InputDraw;
#endif
