// Files that tests write into their folder (folder.h): any bytes, images of one colour.
#ifndef REFERENCE_IMAGE_FILES_H
#define REFERENCE_IMAGE_FILES_H
#include <stddef.h>
#include <stdint.h>

void   write_file(const char *name, const void *bytes, size_t count);
void   write_png(const char *name, int height, int width, int value);       // at most 64 x 64
size_t jpeg_bytes(uint8_t **to, int height, int width, int value);          // to be freed
#endif
