// Reading the text of .net files.
#ifndef FRONT_FILES_H
#define FRONT_FILES_H
#include "base/arena.h"
#include "base/diag.h"

// The whole text of a file with two zero bytes behind it, in the arena; NULL when it cannot be read
// or is larger than LIMIT_FILE_BYTES: reported at `at` (NO_SPAN: with the path alone).
char       *file_read(Arena *arena, Diag *diag, const char *path, Span at, int *length);
// `path` as written in the file `from`: relative to its folder unless absolute.
const char *file_beside(Arena *arena, const char *from, const char *path);
#endif
