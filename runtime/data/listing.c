// What sources list of their samples.
#include "runtime/data/listing.h"
#include <stdlib.h>
#include <string.h>

int64_t name_pool_add(NamePool *p, const char *name, size_t length)
{
    if (p->bytes + length + 1 > p->capacity) {
        size_t capacity = 2 * p->capacity + length + 4096;
        char *grown = realloc(p->text, capacity);
        if (!grown)
            return NO_ROOM;
        p->text = grown;
        p->capacity = capacity;
    }
    int64_t at = (int64_t)p->bytes;
    memcpy(p->text + at, name, length);
    p->text[at + (int64_t)length] = 0;
    p->bytes += length + 1;
    return at;
}

void name_pool_free(NamePool *p)
{
    free(p->text);
    *p = (NamePool){ .text = NULL };
}

void *array_room(void *items, int64_t count, int64_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return items;
    int64_t most = 2 * *capacity + 1024;
    void *grown = realloc(items, (size_t)most * item_bytes);
    if (grown)
        *capacity = most;
    return grown;
}

int label_number(const char *digits)
{
    int value = digits[0] ? 0 : -1;
    for (const char *d = digits; value >= 0 && *d; d++) {
        bool counts = *d >= '0' && *d <= '9' && value < LABEL_LIMIT;
        value = counts ? 10 * value + (*d - '0') : -1;
    }
    return value < LABEL_LIMIT ? value : -1;
}
