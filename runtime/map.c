// "gpu0=cpu:0,gpu1=cpu:1": which logical device runs on which group of threads, or on which GPU.
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

bool session_runs_on_gpus(const Program *p)
{
    return p->device_count && !strncmp(p->devices[0].target, "cuda:", 5);
}

// "cpu" is "cpu:0"; `kind` is "cpu" or "cuda".
static int parse_physical(const char *kind, const char *text, size_t length)
{
    size_t name = strlen(kind);
    if (length < name || memcmp(text, kind, name) != 0)
        return -1;
    if (length == name)
        return 0;
    bool is_digit = length == name + 2 && text[name] == ':' && text[name + 1] >= '0'
                 && text[name + 1] < '0' + PROGRAM_DEVICES;
    return is_digit ? text[name + 1] - '0' : -1;
}

static bool fail_kind(char *err, bool gpus, const char *at, int length)
{
    return fail(err, gpus ? "this program's devices are cuda:0 to cuda:7, not"
                          : "devices are cpu:0 to cpu:7, not", at, length);
}

bool session_parse_map(const Program *p, const char *text, int *map, int *physical, char *err)
{
    bool given[PROGRAM_DEVICES] = { false }, gpus = session_runs_on_gpus(p);
    for (int i = 0; i < PROGRAM_DEVICES; i++)
        map[i] = gpus ? -1 : 0;
    *physical = 1;
    while (text && *text) {
        const char *end = strchrnul(text, ','), *equal = memchr(text, '=', (size_t)(end - text));
        if (!equal)
            return fail(err, gpus ? "want DEVICE=cuda:GPU, not" : "want DEVICE=cpu:GROUP, not", text,
                        (int)(end - text));
        int device = find_device(p, text, (size_t)(equal - text));
        int at = parse_physical(gpus ? "cuda" : "cpu", equal + 1, (size_t)(end - equal - 1));
        if (device < 0)
            return fail(err, "the net has no device", text, (int)(equal - text));
        if (given[device])
            return fail(err, "given twice:", text, (int)(equal - text));
        if (at < 0)
            return fail_kind(err, gpus, equal + 1, (int)(end - equal - 1));
        given[device] = true;
        map[device] = at;
        *physical = at >= *physical ? at + 1 : *physical;
        text = *end ? end + 1 : end;
    }
    return true;
}
