// The arena: chunks of memory, filled front to back, freed together.
#include "base/arena.h"
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ArenaChunk {
    ArenaChunk *before;
    size_t      size, used;           // of `bytes`
    alignas(max_align_t) char bytes[];
};

enum { CHUNK_BYTES = 64 * 1024 };

void arena_open(Arena *a, size_t limit, jmp_buf *exhausted)
{
    *a = (Arena){ .limit = limit, .exhausted = exhausted };
}

void arena_close(Arena *a)
{
    for (ArenaChunk *c = a->chunk; c;) {
        ArenaChunk *before = c->before;
        free(c);
        c = before;
    }
    *a = (Arena){0};
}

static void exhaust(Arena *a)
{
    longjmp(*a->exhausted, 1);
}

// A fresh chunk that holds at least `size` bytes. A large piece gets a chunk of its own.
static ArenaChunk *add_chunk(Arena *a, size_t size)
{
    size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    if (bytes > SIZE_MAX - sizeof(ArenaChunk))
        exhaust(a);
    ArenaChunk *c = calloc(1, sizeof(ArenaChunk) + bytes);
    if (!c)
        exhaust(a);
    c->size = bytes;
    c->before = a->chunk;
    a->chunk = c;
    return c;
}

void *arena_alloc(Arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        exhaust(a);
    size_t rounded = (size + align - 1) / align * align;
    if (a->limit && (rounded > a->limit || a->taken > a->limit - rounded))
        exhaust(a);
    ArenaChunk *c = a->chunk;
    if (!c || c->size - c->used < rounded)
        c = add_chunk(a, rounded);
    void *piece = c->bytes + c->used;
    c->used += rounded;
    a->taken += rounded;
    return piece;
}

void *arena_array(Arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        exhaust(a);
    return arena_alloc(a, count * size);
}

void *arena_grow(Arena *a, const void *old, size_t count, size_t new_count, size_t size)
{
    void *grown = arena_array(a, new_count, size);
    if (count)
        memcpy(grown, old, count * size);
    return grown;
}

char *arena_copy(Arena *a, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        exhaust(a);
    char *copy = arena_alloc(a, length + 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_vprintf(Arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (length < 0)
        exhaust(a);
    char *text = arena_alloc(a, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, fmt, args);
    return text;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = arena_vprintf(a, fmt, args);
    va_end(args);
    return text;
}
