// Small questions about text: the nearest of several words, safe printing.
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
#include <stdio.h>

// The word of `words` nearest to `word` by edit distance (transpositions count 1), or NULL when
// none is near enough to be worth suggesting.
const char *text_nearest(const char *word, const char *const *words, int count);
// Writes `text` with control characters, bidirectional marks and invalid UTF-8 made visible, so
// that no name from a file can drive the terminal.
void text_print_safe(FILE *out, const char *text, int length);
// How many columns that takes (each visible code point counts one).
int  text_columns_safe(const char *text, int length);
// Writes `text` as a JSON string, quotes included.
void text_print_json(FILE *out, const char *text);
// A copy that is safe inside a C comment or symbol: only [A-Za-z0-9_.-], all else becomes '_'.
// `to` holds `size` bytes, the final 0 included.
void text_symbol(char *to, int size, const char *from);
#endif
