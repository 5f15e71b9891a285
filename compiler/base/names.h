// Names: a map from text to pointers, kept in an arena, with the order of insertion.
#ifndef BASE_NAMES_H
#define BASE_NAMES_H
#include "base/arena.h"

typedef struct { const char *name; void *value; } NameEntry;

typedef struct Names {
    Arena     *arena;
    NameEntry *entries;        // in order of insertion
    int        count, capacity;
    int       *slots;          // open addressing, index into entries + 1; 0: free
    int        slot_count;
} Names;

void  names_open(Names *n, Arena *arena);
void *names_find(const Names *n, const char *name);                  // NULL: not there
void  names_put(Names *n, const char *name, void *value);            // replaces an earlier value
#endif
