// Memory of the devices, and the host's that is pinned; copies and fills.
#include "runtime/vgpu/driver/driver.h"
#include "runtime/vgpu/vgpu_check.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 512, GUARD = 512 };                        // nobody has what lies behind an allocation

// --- rooms of a device -----------------------------------------------------------------------------

bool driver_reserve_memory(void)
{
    size_t bytes = 0, count = (size_t)driver.device_count;
    for (size_t d = 0; d < count; d++)
        bytes = driver.device[d].capacity > bytes ? driver.device[d].capacity : bytes;
    uint8_t *at = mmap(NULL, bytes * count, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (size_t d = 0; at != MAP_FAILED && d < count; d++)
        driver.device[d].base = at + d * bytes;
    return at != MAP_FAILED;
}

static size_t room_end(const Room *r) { return r->bytes + GUARD; }

// The first gap that holds so many bytes; where its room would be in the list, or -1.
static int find_gap(const Device *d, size_t bytes, uint8_t **at)
{
    uint8_t *next = d->base;
    for (int k = 0; k <= d->count; k++) {
        uint8_t *limit = k < d->count ? (uint8_t *)d->rooms[k].at : d->base + d->capacity;
        *at = next;
        if ((size_t)(limit - next) >= bytes + GUARD)
            return k;
        if (k < d->count)
            next = limit + (room_end(&d->rooms[k]) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return -1;
}

static Room *add_room(Device *d, int index)
{
    if (d->count == d->room_capacity) {
        int capacity = d->room_capacity ? 2 * d->room_capacity : 64;
        Room *rooms = realloc(d->rooms, (size_t)capacity * sizeof *rooms);
        if (!rooms)
            return NULL;
        d->rooms = rooms;
        d->room_capacity = capacity;
    }
    memmove(d->rooms + index + 1, d->rooms + index, (size_t)(d->count - index) * sizeof *d->rooms);
    d->count++;
    return &d->rooms[index];
}

static DriverResult allocate(DriverAddress *to, size_t bytes)
{
    Device *d = &driver.device[current_context->device];
    uint8_t *at = NULL;
    if (!bytes || !to)
        return DRIVER_ERROR_INVALID_VALUE;
    int index = bytes <= d->capacity - d->used ? find_gap(d, bytes, &at) : -1;
    Room *r = index < 0 ? NULL : add_room(d, index);
    if (!r)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    char name[64];
    snprintf(name, sizeof name, "allocation %d of gpu%d", ++d->made, current_context->device);
    *r = (Room){ at, bytes, current_context };
    d->used += bytes;
    vgpu_memory_add(driver.memory, at, bytes, name);
    vgpu_memory_own(driver.memory, at, current_context->device);
    if (driver.check)
        vgpu_memory_forget(driver.memory, at, bytes);
    *to = (DriverAddress)(uintptr_t)at;
    return DRIVER_SUCCESS;
}

static int find_room(int device, const void *at)
{
    const Device *d = &driver.device[device];
    for (int k = 0; k < d->count; k++)
        if (d->rooms[k].at == at)
            return k;
    return -1;
}

void driver_free_room(int device, void *at)
{
    Device *d = &driver.device[device];
    int k = find_room(device, at);
    if (k < 0)
        return;
    size_t pages = d->rooms[k].bytes / 4096 * 4096;
    vgpu_memory_remove(driver.memory, at);
    if ((uintptr_t)at % 4096 == 0 && pages)
        madvise(at, pages, MADV_DONTNEED);
    d->used -= d->rooms[k].bytes;
    memmove(d->rooms + k, d->rooms + k + 1, (size_t)(--d->count - k) * sizeof *d->rooms);
}

void driver_free_rooms(Context *c, int *count, size_t *bytes)
{
    Device *d = &driver.device[c->device];
    *count = 0;
    *bytes = 0;
    for (int k = d->count - 1; k >= 0; k--)
        if (d->rooms[k].context == c) {
            *bytes += d->rooms[k].bytes;
            ++*count;
            driver_free_room(c->device, d->rooms[k].at);
        }
}

static int device_of(const void *at)
{
    for (int d = 0; d < driver.device_count; d++)
        if (find_room(d, at) >= 0)
            return d;
    return -1;
}

DriverResult cuMemAlloc_v2(DriverAddress *at, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    if (driver.captures)
        return graph_refuse(NULL, DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    return allocate(at, bytes);
}

DriverResult cuMemFree_v2(DriverAddress at)
{
    ENTER(NEEDS_CONTEXT);
    void *room = (void *)(uintptr_t)at;
    int device = device_of(room);
    if (!at)
        return DRIVER_SUCCESS;
    if (driver.captures)
        return graph_refuse(NULL, DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    if (device < 0)
        return DRIVER_ERROR_INVALID_VALUE;
    driver_wait_context(driver.device[device].rooms[find_room(device, room)].context);
    driver_free_room(device, room);
    return current_context->error;
}

DriverResult cuMemAllocAsync(DriverAddress *at, size_t bytes, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    return !s ? DRIVER_ERROR_INVALID_HANDLE : s->graph ? DRIVER_ERROR_NOT_SUPPORTED : allocate(at, bytes);
}

DriverResult cuMemFreeAsync(DriverAddress at, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s || s->graph)
        return s ? DRIVER_ERROR_NOT_SUPPORTED : DRIVER_ERROR_INVALID_HANDLE;
    if (find_room(s->object.context->device, (void *)(uintptr_t)at) < 0)
        return DRIVER_ERROR_INVALID_VALUE;
    Work *w = driver_work(WORK_FREE);
    if (!w)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    w->u.freed = (void *)(uintptr_t)at;
    return driver_queue(s, w);
}

DriverResult cuMemGetInfo_v2(size_t *unused, size_t *total)
{
    ENTER(NEEDS_CONTEXT);
    const Device *d = &driver.device[current_context->device];
    *unused = d->capacity - d->used;
    *total = d->capacity;
    return DRIVER_SUCCESS;
}

// Found by its name by whoever wants reports to name the tensors of an arena, and bounds to be theirs.
int cleave_vgpu_region(DriverAddress at, size_t bytes, const char *name);
int cleave_vgpu_region(DriverAddress at, size_t bytes, const char *name)
{
    ENTER(NEEDS_INIT);
    return vgpu_memory_region(driver.memory, (void *)(uintptr_t)at, bytes, name) ? DRIVER_SUCCESS
                                                                                : DRIVER_ERROR_INVALID_VALUE;
}

// --- pinned memory of the host ---------------------------------------------------------------------

typedef struct Pinned { struct Pinned *next; uint8_t *at; size_t bytes; } Pinned;
static Pinned *pinned;

bool driver_is_pinned(const void *at, size_t bytes)
{
    for (const Pinned *p = pinned; p; p = p->next)
        if ((const uint8_t *)at >= p->at && (const uint8_t *)at + bytes <= p->at + p->bytes)
            return true;
    return false;
}

static DriverResult pin(void **at, size_t bytes)
{
    Pinned *p = bytes ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return bytes ? DRIVER_ERROR_OUT_OF_MEMORY : DRIVER_ERROR_INVALID_VALUE;
    p->at = bytes < SIZE_MAX - 4096 ? aligned_alloc(4096, (bytes + 4095) / 4096 * 4096) : NULL;
    if (!p->at) {
        free(p);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    p->bytes = bytes;
    p->next = pinned;
    pinned = p;
    vgpu_memory_add(driver.memory, p->at, bytes, "pinned memory of the host");
    vgpu_memory_own(driver.memory, p->at, HOST_OWNER);
    *at = p->at;
    return DRIVER_SUCCESS;
}

DriverResult cuMemHostAlloc(void **at, size_t bytes, unsigned flags)
{
    ENTER(NEEDS_CONTEXT);
    (void)flags;
    return pin(at, bytes);
}

DriverResult cuMemAllocHost_v2(void **at, size_t bytes)
{
    ENTER(NEEDS_CONTEXT);
    return pin(at, bytes);
}

DriverResult cuMemFreeHost(void *at)
{
    ENTER(NEEDS_CONTEXT);
    Pinned **link = &pinned, *p;
    while (*link && (*link)->at != at)
        link = &(*link)->next;
    if (!(p = *link))
        return DRIVER_ERROR_INVALID_VALUE;
    for (Object *o = driver.objects; o; o = o->next)
        if (o->kind == OBJECT_STREAM)
            driver_wait_stream((Stream *)o);
    *link = p->next;
    vgpu_memory_remove(driver.memory, at);
    free(p->at);
    free(p);
    return current_context->error;
}
