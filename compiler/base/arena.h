// An arena: memory that is taken piece by piece and given back all at once.
// One compilation has one arena; nothing in it is freed before the end.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
    ArenaChunk *chunk;       // the one being filled; older ones hang behind it
    size_t      taken;       // bytes handed out so far
    size_t      limit;       // refuse to grow beyond this many bytes; 0: no limit
    jmp_buf    *exhausted;   // where to go when memory runs out; never NULL while in use
} Arena;

// An empty arena. `exhausted` is jumped to (value 1) when memory or the limit runs out: whoever
// opens the arena sets it with setjmp and is thereby the only one who handles that case.
void  arena_open(Arena *a, size_t limit, jmp_buf *exhausted);
void  arena_close(Arena *a);

// `size` bytes, zeroed, aligned for any type. Never returns NULL.
void *arena_alloc(Arena *a, size_t size);
// `count` elements of `size` bytes, zeroed; a product that overflows counts as exhaustion.
void *arena_array(Arena *a, size_t count, size_t size);
// A larger copy of `old` (which stays where it is): `count` elements become `new_count`.
void *arena_grow(Arena *a, const void *old, size_t count, size_t new_count, size_t size);
char *arena_copy(Arena *a, const char *text, size_t length);   // adds the final 0
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *fmt, va_list args);

#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (size_t)(count), sizeof(type)))

// Appends to an array that lives in an arena: the array pointer, its count and its capacity are
// three lvalues. Evaluates to nothing.
#define ARENA_PUSH(a, array, count, capacity, value)                                          \
    do {                                                                                      \
        if ((count) == (capacity)) {                                                          \
            int grown_ = (capacity) ? 2 * (capacity) : 8;                                     \
            (array) = arena_grow((a), (array), (size_t)(count), (size_t)grown_,               \
                                 sizeof *(array));                                            \
            (capacity) = grown_;                                                              \
        }                                                                                     \
        (array)[(count)++] = (value);                                                         \
    } while (0)
#endif
