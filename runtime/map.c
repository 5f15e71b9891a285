// "gpu0=cuda:0,gpu1=cpu": which logical device runs on which group of threads, or on which GPU. What is wrong
// is told with what would be right.
#include "runtime/session.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

enum { NAMES = 200 };                  // room for a list of devices in a message

static bool is_cuda(const ProgramDevice *d) { return !strncmp(d->target, "cuda:", 5); }
static const char *kind_of(const ProgramDevice *d) { return is_cuda(d) ? "cuda" : "cpu"; }

bool session_runs_on_gpus(const Program *p)
{
    for (int i = 0; i < p->device_count; i++)
        if (is_cuda(&p->devices[i]))
            return true;
    return false;
}

bool session_runs_on_cpus(const Program *p)
{
    for (int i = 0; i < p->device_count; i++)
        if (!is_cuda(&p->devices[i]))
            return true;
    return false;
}

// --- what is wrong --------------------------------------------------------------------------------

static int shortened(size_t length) { return length > 60 ? 60 : (int)length; }

static bool fail(char *err, const char *what, const char *at, size_t length, const char *fix)
{
    snprintf(err, SESSION_ERROR, "map: %s `%.*s`%s", what, shortened(length), at, fix);
    return false;
}

static bool fail_unknown(const Program *p, const char *at, size_t length, char *err)
{
    const char *names[PROGRAM_DEVICES], *nearest;
    char word[64], fix[NAMES + 100], list[NAMES] = "";
    snprintf(word, sizeof word, "%.*s", shortened(length), at);
    for (int i = 0; i < p->device_count; i++) {
        size_t used = strlen(list);
        const char *joint = !i ? "" : i + 1 < p->device_count ? ", " : " and ";
        names[i] = p->devices[i].name;
        snprintf(list + used, sizeof list - used, "%s%.40s", joint, names[i]);
    }
    nearest = text_nearest(word, names, p->device_count);
    snprintf(fix, sizeof fix, "; it has %s%s%.40s%s", list, nearest ? ": did you mean `" : "",
             nearest ? nearest : "", nearest ? "`?" : "");
    return fail(err, "the net has no device", at, length, fix);
}

static bool fail_form(const Program *p, const char *at, size_t length, char *err)
{
    char fix[120];
    const ProgramDevice *d = &p->devices[0];
    snprintf(fix, sizeof fix, "; want DEVICE=cpu:GROUP or DEVICE=cuda:GPU, as in %.40s=%s:0", d->name,
             kind_of(d));
    return fail(err, "no device stands behind a `=` in", at, length, fix);
}

// The device was compiled for CPUs, or for GPUs: of those it can run on the first eight.
static bool fail_place(const ProgramDevice *d, const char *at, size_t length, char *err)
{
    char what[160];
    const char *kind = kind_of(d);
    snprintf(what, sizeof what, "%.40s, which is compiled for %.30s, runs on %s:0 to %s:%d, not on", d->name,
             d->target, kind, kind, PROGRAM_DEVICES - 1);
    return fail(err, what, at, length, is_cuda(d) ? "" : "; several devices may share a group");
}

static bool fail_missing(const Program *p, int device, char *err)
{
    char fix[120];
    const ProgramDevice *d = &p->devices[device];
    snprintf(fix, sizeof fix, "; add %.60s=%s:%d", d->name, kind_of(d), device);
    return fail(err, "it leaves out the device", d->name, strlen(d->name), fix);
}

// --- reading it -----------------------------------------------------------------------------------

static int find_device(const Program *p, const char *name, size_t length)
{
    for (int i = 0; i < p->device_count; i++)
        if (strlen(p->devices[i].name) == length && !memcmp(p->devices[i].name, name, length))
            return i;
    return -1;
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

static bool parse_entry(const Program *p, const char *text, size_t length, bool *given, int *map, char *err)
{
    const char *equal = memchr(text, '=', length);
    if (!equal)
        return fail_form(p, text, length, err);
    size_t name = (size_t)(equal - text), place = length - name - 1;
    int device = find_device(p, text, name);
    if (device < 0)
        return fail_unknown(p, text, name, err);
    if (given[device])
        return fail(err, "given twice:", text, name, "; leave one of them out");
    given[device] = true;
    map[device] = parse_physical(kind_of(&p->devices[device]), equal + 1, place);
    return map[device] >= 0 || fail_place(&p->devices[device], equal + 1, place, err);
}

bool session_parse_map(const Program *p, const char *text, int *map, int *physical, char *err)
{
    bool given[PROGRAM_DEVICES] = { false }, any = text && *text;
    for (int i = 0; i < PROGRAM_DEVICES; i++)
        map[i] = i < p->device_count && is_cuda(&p->devices[i]) ? -1 : 0;
    *physical = 1;
    while (text && *text) {
        const char *end = strchrnul(text, ',');
        if (!parse_entry(p, text, (size_t)(end - text), given, map, err))
            return false;
        text = *end ? end + 1 : end;
    }
    for (int i = 0; i < p->device_count; i++) {
        if (any && !given[i])
            return fail_missing(p, i, err);
        *physical = map[i] >= *physical ? map[i] + 1 : *physical;
    }
    return true;
}
