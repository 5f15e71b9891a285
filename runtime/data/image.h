// Images while they are prepared: planes of bytes, and what can be done to them.
#ifndef RUNTIME_DATA_IMAGE_H
#define RUNTIME_DATA_IMAGE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATA_ERROR = 512, IMAGE_MOST_PIXELS = 1 << 26 };   // 64 megapixels

typedef struct {
    int      channels, height, width;
    uint8_t *pixels;                 // [channel][row][column]
    size_t   capacity;               // bytes that `pixels` holds; grows, never shrinks
} Image;

// Makes room; the pixels are undefined. False: too large or out of memory (reported in err).
bool image_resize_buffer(Image *im, int channels, int height, int width, char err[DATA_ERROR]);
void image_free(Image *im);
static inline size_t image_bytes(const Image *im)
{
    return (size_t)im->channels * (size_t)im->height * (size_t)im->width;
}

// From `from` into `to` (different images), at height x width: the mean over the area that a pixel
// covers where it shrinks, linear between pixels where it grows; rounded to the nearest byte.
bool image_resample(const Image *from, int height, int width, Image *to, char err[DATA_ERROR]);
// In place: a window at (top, left); left and right exchanged; red, green, blue to grey.
void image_crop(Image *im, int top, int left, int height, int width);
void image_mirror(Image *im);
void image_grey(Image *im);
// EXIF orientation 1..8 undone, from `from` into `to`.
bool image_orient(const Image *from, int orientation, Image *to, char err[DATA_ERROR]);
#endif
