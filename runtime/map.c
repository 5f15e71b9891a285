// "gpu0=cpu:0,gpu1=cpu:1": which logical device runs on which group of threads.
#include "runtime/session.h"
#include <stdlib.h>
#include <string.h>

static bool fail(char *err, const char *what, const char *at, int length)
{
    snprintf(err, SESSION_ERROR, "map: %s `%.*s`", what, length > 80 ? 80 : length, at);
    return false;
}

static int find_device(const Program *p, const char *name, size_t length)
{
    for (int i = 0; i < p->device_count; i++)
        if (strlen(p->devices[i].name) == length && !memcmp(p->devices[i].name, name, length))
            return i;
    return -1;
}

// "cpu" is "cpu:0".
static int parse_group(const char *text, size_t length)
{
    if (length == 3 && !memcmp(text, "cpu", 3))
        return 0;
    if (length == 5 && !memcmp(text, "cpu:", 4) && text[4] >= '0' && text[4] < '0' + PROGRAM_DEVICES)
        return text[4] - '0';
    return -1;
}

bool session_parse_map(const Program *p, const char *text, int *map, int *groups, char *err)
{
    bool given[PROGRAM_DEVICES] = { false };
    for (int i = 0; i < PROGRAM_DEVICES; i++)
        map[i] = 0;
    *groups = 1;
    while (text && *text) {
        const char *end = strchrnul(text, ','), *equal = memchr(text, '=', (size_t)(end - text));
        if (!equal)
            return fail(err, "want DEVICE=cpu:GROUP, not", text, (int)(end - text));
        int device = find_device(p, text, (size_t)(equal - text));
        int group = parse_group(equal + 1, (size_t)(end - equal - 1));
        if (device < 0)
            return fail(err, "the net has no device", text, (int)(equal - text));
        if (given[device])
            return fail(err, "given twice:", text, (int)(equal - text));
        if (group < 0)
            return fail(err, "devices are cpu:0 to cpu:7, not", equal + 1, (int)(end - equal - 1));
        given[device] = true;
        map[device] = group;
        *groups = group >= *groups ? group + 1 : *groups;
        text = *end ? end + 1 : end;
    }
    return true;
}
