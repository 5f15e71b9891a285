// Copies and fills.
#include "runtime/vgpu/driver/driver.h"
#include "runtime/vgpu/vgpu_check.h"
#include <stdlib.h>
#include <string.h>

enum { TO_HOST = 1, FROM_HOST = 2, WAITS = 4 };

// Is it within one allocation? Whoever says so is told else.
static bool is_ours(const void *at, size_t bytes, const char *what)
{
    int hint = 0;
    vgpu_memory_show(driver.memory, ~0u);
    if (vgpu_memory_holds(driver.memory, (uint64_t)(uintptr_t)at, bytes, &hint))
        return true;
    char where[128];
    vgpu_memory_describe(driver.memory, (uint64_t)(uintptr_t)at, where, sizeof where);
    driver_say("out-of-bounds: %s of %zu bytes %s", what, bytes, where);
    return false;
}

static bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const uint8_t *first = a, *second = b;
    return first < second + b_bytes && second < first + a_bytes;
}

// Does something that is queued touch these bytes of the host?
static bool is_in_use(const void *at, size_t bytes)
{
    for (const Object *o = driver.objects; o; o = o->next)
        for (const Work *w = o->kind == OBJECT_STREAM ? ((const Stream *)o)->head : NULL; w; w = w->next)
            if (w->kind == WORK_CALL ||
                (w->kind == WORK_COPY && (overlap(w->u.copy.to, w->u.copy.bytes, at, bytes) ||
                                          overlap(w->u.copy.from, w->u.copy.bytes, at, bytes))))
                return true;
    return false;
}

// What hardware would do at once: take a copy of pageable memory. And what shows whether the host waits:
// a sum of what it must not change, and no sense in what it must not read yet.
static bool prepare(Work *w, const Stream *s, int how)
{
    bool source_pinned = driver_is_pinned(w->u.copy.from, w->u.copy.bytes);
    if (how & FROM_HOST && !source_pinned) {
        w->data = malloc(w->u.copy.bytes + 1);
        if (w->data)
            memcpy(w->data, w->u.copy.from, w->u.copy.bytes);
        return w->data != NULL;
    }
    if (!driver.check || s->graph)
        return true;
    if (how & FROM_HOST && !is_in_use(w->u.copy.from, w->u.copy.bytes)) {
        w->u.copy.summed = true;
        w->u.copy.sum = driver_sum(w->u.copy.from, w->u.copy.bytes);
    }
    if (how & TO_HOST && !is_in_use(w->u.copy.to, w->u.copy.bytes))
        memset(w->u.copy.to, UNKNOWN_BYTE, w->u.copy.bytes);
    return true;
}

static DriverResult copy(void *to, const void *from, size_t bytes, DriverStream stream, int how)
{
    Stream *s = driver_stream(stream);
    if (!s)
        return DRIVER_ERROR_INVALID_HANDLE;
    if (!bytes)
        return DRIVER_SUCCESS;
    if ((!(how & TO_HOST) && !is_ours(to, bytes, "a copy to")) ||
        (!(how & FROM_HOST) && !is_ours(from, bytes, "a copy from")) || !to || !from)
        return DRIVER_ERROR_INVALID_VALUE;
    bool waits = how & WAITS || (how & TO_HOST && !driver_is_pinned(to, bytes));
    if (waits && driver.captures && (s->graph || how & WAITS))
        return graph_refuse(s, DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    Work *w = driver_work(WORK_COPY);
    if (!w)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    w->u.copy.to = to;
    w->u.copy.from = from;
    w->u.copy.bytes = bytes;
    if (!prepare(w, s, how)) {
        driver_free_work(w);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    DriverResult r = driver_queue(s, w);
    if (r || !waits)
        return r;
    driver_wait_stream(s);
    return s->object.context->error;
}

static void *pointer(DriverAddress at) { return (void *)(uintptr_t)at; }

DriverResult cuMemcpyHtoDAsync_v2(DriverAddress to, const void *from, size_t bytes, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    return copy(pointer(to), from, bytes, stream, FROM_HOST);
}

DriverResult cuMemcpyDtoHAsync_v2(void *to, DriverAddress from, size_t bytes, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    return copy(to, pointer(from), bytes, stream, TO_HOST);
}

DriverResult cuMemcpyDtoDAsync_v2(DriverAddress to, DriverAddress from, size_t bytes, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    return copy(pointer(to), pointer(from), bytes, stream, 0);
}

static bool is_on(DriverAddress at, const Context *c)
{
    const Device *d = &driver.device[c->device];
    return driver_is_live(c, OBJECT_CONTEXT) && d->base && (uint8_t *)pointer(at) >= d->base &&
           (uint8_t *)pointer(at) < d->base + d->capacity;
}

DriverResult cuMemcpyPeerAsync(DriverAddress to, DriverContext to_context, DriverAddress from,
                               DriverContext from_context, size_t bytes, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_on(to, to_context) || !is_on(from, from_context))
        return DRIVER_ERROR_INVALID_VALUE;
    return copy(pointer(to), pointer(from), bytes, stream, 0);
}

DriverResult cuMemcpyHtoD_v2(DriverAddress to, const void *from, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    return copy(pointer(to), from, bytes, NULL, FROM_HOST | WAITS);
}

DriverResult cuMemcpyDtoH_v2(void *to, DriverAddress from, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    return copy(to, pointer(from), bytes, NULL, TO_HOST | WAITS);
}

DriverResult cuMemcpyDtoD_v2(DriverAddress to, DriverAddress from, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    return copy(pointer(to), pointer(from), bytes, NULL, 0);
}

DriverResult cuMemcpyPeer(DriverAddress to, DriverContext to_context, DriverAddress from,
                          DriverContext from_context, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_on(to, to_context) || !is_on(from, from_context))
        return DRIVER_ERROR_INVALID_VALUE;
    return copy(pointer(to), pointer(from), bytes, NULL, 0);
}

static DriverResult fill(DriverAddress at, uint32_t value, int width, size_t count, DriverStream stream)
{
    Stream *s = driver_stream(stream);
    if (!s)
        return DRIVER_ERROR_INVALID_HANDLE;
    if (!count)
        return DRIVER_SUCCESS;
    if (at % (unsigned)width || count > SIZE_MAX / 4 ||
        !is_ours(pointer(at), count * (size_t)width, "a fill"))
        return DRIVER_ERROR_INVALID_VALUE;
    Work *w = driver_work(WORK_FILL);
    if (!w)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    w->u.fill.at = pointer(at);
    w->u.fill.value = value;
    w->u.fill.width = width;
    w->u.fill.count = count;
    return driver_queue(s, w);
}

DriverResult cuMemsetD8Async(DriverAddress at, unsigned char value, size_t count, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    return fill(at, value, 1, count, stream);
}

DriverResult cuMemsetD32Async(DriverAddress at, unsigned value, size_t count, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    return fill(at, value, 4, count, stream);
}

DriverResult cuMemsetD8_v2(DriverAddress at, unsigned char value, size_t count)
{
    ENTER(NEEDS_CONTEXT);
    return fill(at, value, 1, count, NULL);
}

DriverResult cuMemsetD32_v2(DriverAddress at, unsigned value, size_t count)
{
    ENTER(NEEDS_CONTEXT);
    return fill(at, value, 4, count, NULL);
}
