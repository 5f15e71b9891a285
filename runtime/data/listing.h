// What sources list of their samples when they open: names in one block of memory, arrays that double.
#ifndef RUNTIME_DATA_LISTING_H
#define RUNTIME_DATA_LISTING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char  *text;                     // every name, each ended by 0
    size_t bytes, capacity;
} NamePool;

enum { NO_ROOM = -1 };
// Where in `text` the copy of `length` bytes stands; NO_ROOM: out of memory.
int64_t name_pool_add(NamePool *p, const char *name, size_t length);
void    name_pool_free(NamePool *p);

// `items` with room for one more than `count`, moved where it must be. NULL: out of memory; `items` stays.
void *array_room(void *items, int64_t count, int64_t *capacity, size_t item_bytes);

enum { LABEL_LIMIT = 1 << 20 };      // classes of a source
// The label that decimal digits mean; -1: something else, or too large.
int label_number(const char *digits);
#endif
