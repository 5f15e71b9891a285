// A hash map from names to pointers: open addressing, at most half full, entries in order.
#include "base/names.h"
#include <stdint.h>
#include <string.h>

// FNV-1a, 64 bits.
static uint64_t hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001b3u;
    return h;
}

void names_open(Names *n, Arena *arena)
{
    *n = (Names){ .arena = arena };
}

// The slot where `name` is or would be. There is always a free one. `slot_count` is a power of 2.
static int *slot_of(const Names *n, const char *name)
{
    uint64_t mask = (uint64_t)n->slot_count - 1;
    uint64_t at = hash(name) & mask;
    while (n->slots[at] && strcmp(n->entries[n->slots[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return &n->slots[at];
}

void *names_find(const Names *n, const char *name)
{
    if (n->count == 0)
        return NULL;
    int *slot = slot_of(n, name);
    return *slot ? n->entries[*slot - 1].value : NULL;
}

static void grow_slots(Names *n)
{
    n->slot_count = n->slot_count ? 2 * n->slot_count : 16;
    n->slots = ARENA_ARRAY(n->arena, int, n->slot_count);
    for (int i = 0; i < n->count; i++)
        *slot_of(n, n->entries[i].name) = i + 1;
}

void names_put(Names *n, const char *name, void *value)
{
    if (2 * (n->count + 1) > n->slot_count)
        grow_slots(n);
    int *slot = slot_of(n, name);
    if (*slot) {
        n->entries[*slot - 1].value = value;
        return;
    }
    NameEntry entry = { name, value };
    ARENA_PUSH(n->arena, n->entries, n->count, n->capacity, entry);
    *slot = n->count;
}
