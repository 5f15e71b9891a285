// Generated texts in colour: CUDA, C, PTX and SASS, for a terminal.
#ifndef CLI_PAINT_H
#define CLI_PAINT_H
#include <stdbool.h>
#include <stdio.h>

typedef enum {
    PAINT_C,                   // keywords, numbers, #lines
    PAINT_PTX,                 // directives; the instruction of each line
    PAINT_SASS                 // the same
} PaintKind;

// Prints `length` bytes as they are, with colours around what stands out: comments, words, labels.
// Without `colour` the bytes alone.
void paint(FILE *out, const char *text, size_t length, PaintKind kind, bool colour);
#endif
