// The kernel cache: what compilers made, by the content it was made from, in a folder of the
// user's own ($XDG_CACHE_HOME/cleave or ~/.cache/cleave).
#ifndef RUNTIME_CACHE_H
#define RUNTIME_CACHE_H
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { CACHE_KEY = 33, CACHE_MOST_BYTES = 256 << 20 };

typedef enum {
    CACHE_LIBRARY,                     // a shared library, from C text
    CACHE_CUDA,                        // log, PTX and cubin, from CUDA text (cuda/build.c packs them)
    CACHE_KINDS
} CacheKind;

typedef struct {
    char path[PATH_MAX - 256];         // of the folder
    bool is_usable;                    // it is there, ours, and closed to others
    char why_not[160];                 // when not usable
} Cache;

// Finds the folder, makes it (0700) when it is missing, checks who owns it.
void cache_open(Cache *c);
// Key of a content: everything that what is made depends on, in one text.
void cache_key(const char *content, size_t size, char key[CACHE_KEY]);
// True, with the path of what was made, if it was made from exactly this content and is undamaged.
bool cache_find(const Cache *c, CacheKind kind, const char *key, const char *content,
                char made[PATH_MAX]);
// The same, but its bytes (a 0 behind them); NULL: not there. free() them.
char *cache_read(const Cache *c, CacheKind kind, const char *key, const char *content, size_t *size);
// Moves `from` (a file in the cache's folder or below it) in, under `key`; gives its new path. The
// oldest entries go when the folder grows beyond CACHE_MOST_BYTES. False: it stays where it is.
bool cache_store(const Cache *c, CacheKind kind, const char *key, const char *content,
                 const char *from, char made[PATH_MAX]);
// The same from memory; several threads may do so at a time.
bool cache_write(const Cache *c, CacheKind kind, const char *key, const char *content,
                 const void *bytes, size_t size);
// Entries and bytes in the folder, for `cleave doctor`.
void cache_measure(const Cache *c, int *entries, long long *bytes);
#endif
