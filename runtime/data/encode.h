// Planes of bytes to image files, the reverse of decode.h.
#ifndef RUNTIME_DATA_ENCODE_H
#define RUNTIME_DATA_ENCODE_H
#include "runtime/data/image.h"

typedef struct { uint8_t *bytes; size_t count; } Encoded;      // freed with free()

// An image of one or three channels as a JPEG of a quality of 1 to 100, or as a PNG, which loses nothing.
// False with `err`; `to` then holds nothing.
bool encode_jpeg(const Image *im, int quality, Encoded *to, char err[DATA_ERROR]);
bool encode_png(const Image *im, Encoded *to, char err[DATA_ERROR]);
#endif
