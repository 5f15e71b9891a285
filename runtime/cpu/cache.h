// The kernel cache: shared libraries by the content they were made from, in a folder of the
// user's own ($XDG_CACHE_HOME/cleave or ~/.cache/cleave).
#ifndef RUNTIME_CPU_CACHE_H
#define RUNTIME_CPU_CACHE_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { CACHE_KEY = 33, CACHE_MOST_BYTES = 256 << 20 };

typedef struct {
    char path[PATH_MAX - 256];         // of the folder
    bool is_usable;                    // it is there, ours, and closed to others
    char why_not[160];                 // when not usable
} Cache;

// Finds the folder, makes it (0700) when it is missing, checks who owns it.
void cache_open(Cache *c);
// Key of a content: everything a library depends on, in one text.
void cache_key(const char *content, size_t size, char key[CACHE_KEY]);
// True, with the library's path, if one made from exactly this content is there and undamaged.
bool cache_find(const Cache *c, const char *key, const char *content, char library[PATH_MAX]);
// Moves `made` (a file in the cache's folder or below it) in, under `key`; gives its new path. The
// oldest entries go when the folder grows beyond CACHE_MOST_BYTES. False: it stays where it is.
bool cache_store(const Cache *c, const char *key, const char *content, const char *made,
                 char library[PATH_MAX]);
// Files and bytes in the folder, for `cleave doctor`.
void cache_measure(const Cache *c, int *files, long long *bytes);
#endif
