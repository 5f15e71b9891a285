// Image files to planes of bytes. What a file is, its first bytes say, never its name.
#ifndef RUNTIME_DATA_DECODE_H
#define RUNTIME_DATA_DECODE_H
#include "runtime/data/image.h"

// Decodes a JPEG or PNG file held in memory into three planes, red, green, blue (grey files give
// three equal ones). A size beyond IMAGE_MOST_PIXELS is refused before decoding; a decoder's
// warning counts as damage. `spare` is used when the file asks to be turned. False with `err`.
bool decode_image(const uint8_t *file, size_t bytes, Image *to, Image *spare, char err[DATA_ERROR]);
#endif
