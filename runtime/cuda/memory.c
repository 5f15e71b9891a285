// All memory of a program on its GPUs, taken once: for each logical device an arena with guards around it,
// and one allocation for tables, the room that the host's values pass through, and messages.
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include <string.h>

enum { EDGE = 512, MOST_ROOM = 4 << 20, RESERVE = 64 << 20 };  // RESERVE: what the driver itself takes

static bool call_failed(char *err, const Device *d, int device, const char *what)
{
    driver_explain(err, "%s of device %.40s", what, d->program->devices[device].name);
    return false;
}

// --- what is needed -------------------------------------------------------------------------------

static int64_t rounded(int64_t bytes) { return (bytes + EDGE - 1) / EDGE * EDGE; }

static void measure(Device *d, int device)
{
    CudaDevice *own = &d->list[device];
    int64_t most = move_most_floats(d->program, device);
    own->table_bytes = move_table_bytes(d->program, device);
    own->message_bytes = cuda_message_bytes(d->program, device);
    own->room_floats = most > MOST_ROOM ? MOST_ROOM : most < 1 ? 1 : most;
}

static int64_t extra_bytes(const CudaDevice *own)
{
    return rounded(own->table_bytes) + rounded(4 * own->room_floats) + rounded(own->message_bytes) + EDGE;
}

static int64_t arena_bytes(const Device *d, int device)
{
    return d->program->devices[device].arena_bytes + 2 * EDGE;
}

static int64_t needed(const Device *d, int gpu, bool only_kept)
{
    const Program *p = d->program;
    int64_t bytes = 0;
    for (int i = 0; i < p->device_count; i++)
        if (d->list[i].gpu == gpu && !only_kept)
            bytes += arena_bytes(d, i) + extra_bytes(&d->list[i]);
    for (int i = 0; i < p->buffer_count && only_kept; i++)
        if (d->list[p->buffers[i].device].gpu == gpu && p->buffers[i].role <= BUFFER_STATE)
            bytes += p->buffers[i].bytes;
    return bytes;
}

// Parameters weigh the same whatever the batch; all else grows with it.
static int fitting_batch(const Device *d, int gpu, int64_t available)
{
    int64_t kept = needed(d, gpu, true), rest = needed(d, gpu, false) - kept;
    int batch = d->program->sequence_count ? d->program->sequences[0].batch : 0;
    if (rest <= 0 || available <= kept)
        return 0;
    return (int)((double)batch * (double)(available - kept) / (double)rest);
}

static const char *size_text(int64_t bytes, char to[32])
{
    if (bytes >= 1 << 30)
        snprintf(to, 32, "%.2f GiB", (double)bytes / (1 << 30));
    else
        snprintf(to, 32, "%.2f MiB", (double)bytes / (1 << 20));
    return to;
}

// "gpu0 12.00 MiB, gpu1 8.00 MiB": what each logical device takes there.
static void list_needs(const Device *d, int gpu, char *to, size_t size)
{
    const Program *p = d->program;
    size_t length = 0;
    to[0] = 0;
    for (int i = 0; i < p->device_count && length < size; i++) {
        char needs[32];
        if (d->list[i].gpu == gpu)
            length += (size_t)snprintf(to + length, size - length, "%s%.30s %s", length ? ", " : "",
                                       p->devices[i].name,
                                       size_text(arena_bytes(d, i) + extra_bytes(&d->list[i]), needs));
    }
}

static bool say_too_small(const Device *d, int gpu, int64_t available, char *err)
{
    int batch = d->program->sequences[0].batch, fit = fitting_batch(d, gpu, available);
    char has[32], needs[32], each[PROGRAM_DEVICES * 48];
    char hint[80] = "no batch fits: its parameters alone do not";
    if (fit > 0)
        snprintf(hint, sizeof hint, "batch %d would fit: --batch %d", fit, fit);
    list_needs(d, gpu, each, sizeof each);
    snprintf(err, DEVICE_ERROR, "GPU %d, %.80s, has %s of memory free, and the net needs %s there at batch "
             "%d (%.200s); %s", gpu, d->gpus.list[gpu].name, size_text(available, has),
             size_text(needed(d, gpu, false), needs), batch, each, hint);
    return false;
}

static bool check_fit(const Device *d, int gpu, char *err)
{
    size_t available = 0, total = 0;
    if (!gpu_enter(&d->gpus, gpu, err)
        || !DRIVER_CALL(&d->gpus.driver, err, cuMemGetInfo, &available, &total))
        return false;
    int64_t reserve = (int64_t)(available / 16) < RESERVE ? (int64_t)(available / 16) : RESERVE;
    int64_t usable = (int64_t)available - reserve;
    return needed(d, gpu, false) <= usable || say_too_small(d, gpu, usable, err);
}

// --- taking it ------------------------------------------------------------------------------------

static bool fill(const Device *d, int device, DriverAddress at, int byte, int64_t bytes, char *err)
{
    return DRIVER_CALL(&d->gpus.driver, err, cuMemsetD8Async, at, (unsigned char)byte, (size_t)bytes,
                       d->list[device].compute);
}

static DriverAddress front_guard(const Device *d, int device)
{
    return d->list[device].arena - PROGRAM_GUARD;
}

static DriverAddress back_guard(const Device *d, int device)
{
    return d->list[device].arena + (DriverAddress)d->program->devices[device].arena_bytes;
}

// Padding of what is kept across sequences is zero from here on; so are velocities.
static bool clear_kept(const Device *d, int device, char *err)
{
    const Program *p = d->program;
    for (int i = 0; i < p->buffer_count; i++) {
        const Buffer *b = &p->buffers[i];
        if (b->device == device && b->role <= BUFFER_STATE
            && !fill(d, device, d->list[device].arena + (DriverAddress)b->offset, 0, b->bytes, err))
            return false;
    }
    return true;
}

static bool take_pinned(Device *d, int device, char *err)
{
    const Driver *driver = &d->gpus.driver;
    CudaDevice *own = &d->list[device];
    size_t bytes = sizeof(StepState) + (size_t)d->program->param_count * sizeof(ParamRates);
    void *next = NULL, *last = NULL;
    bool good = DRIVER_CALL(driver, err, cuMemHostAlloc, &next, bytes, DRIVER_HOST_PORTABLE);
    own->next_state = next;
    good = good && DRIVER_CALL(driver, err, cuMemHostAlloc, &last, sizeof(StepState), DRIVER_HOST_PORTABLE);
    own->last_state = last;
    if (!good)
        return call_failed(err, d, device, "pinned memory for the state");
    memset(next, 0, bytes);
    memset(last, 0, sizeof(StepState));
    return true;
}

static bool take(Device *d, int device, char *err)
{
    const Driver *driver = &d->gpus.driver;
    CudaDevice *own = &d->list[device];
    if (!cuda_select(d, device, err))
        return false;
    if (!DRIVER_CALL(driver, err, cuMemAlloc, &own->arena_memory, (size_t)arena_bytes(d, device)))
        return call_failed(err, d, device, "the arena");
    own->arena = own->arena_memory + EDGE;
    if (!DRIVER_CALL(driver, err, cuMemAlloc, &own->extra, (size_t)extra_bytes(own)))
        return call_failed(err, d, device, "tables and messages");
    own->tables = own->extra;
    own->room = own->tables + (DriverAddress)rounded(own->table_bytes);
    own->messages = own->room + (DriverAddress)rounded(4 * own->room_floats);
    for (int i = 0; i < d->program->buffer_count; i++) {
        const Buffer *b = &d->program->buffers[i];
        if (b->role == BUFFER_STATE && b->device == device)
            own->state = own->arena + (DriverAddress)b->offset;
    }
    return take_pinned(d, device, err) && clear_kept(d, device, err)
        && fill(d, device, front_guard(d, device), GUARD_BYTE, PROGRAM_GUARD, err)
        && fill(d, device, back_guard(d, device), GUARD_BYTE, PROGRAM_GUARD, err)
        && cuda_sync(d, device, err);
}

bool cuda_memory_open(Device *d, char *err)
{
    for (int i = 0; i < d->program->device_count; i++)
        measure(d, i);
    for (int i = 0; i < d->gpus.count; i++)
        if (needed(d, i, false) && !check_fit(d, i, err))
            return false;
    for (int i = 0; i < d->program->device_count; i++)
        if (!take(d, i, err))
            return false;
    return true;
}

void cuda_memory_close(Device *d)
{
    const Driver *driver = &d->gpus.driver;
    char err[DEVICE_ERROR];
    for (int i = 0; i < d->program->device_count; i++) {
        CudaDevice *own = &d->list[i];
        if (!d->gpus.list[own->gpu].context || !cuda_select(d, i, err))
            continue;
        if (own->arena_memory)
            driver->cuMemFree(own->arena_memory);
        if (own->extra)
            driver->cuMemFree(own->extra);
        if (own->next_state)
            driver->cuMemFreeHost(own->next_state);
        if (own->last_state)
            driver->cuMemFreeHost(own->last_state);
    }
}

// --- sequences ------------------------------------------------------------------------------------

bool cuda_memory_enter(Device *d, int sequence, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    const Guards *g = &d->sequences[sequence].guards;
    for (int device = 0; device < d->program->device_count; device++) {
        DriverAddress arena = d->list[device].arena;
        if (!cuda_select(d, device, err))
            return false;
        for (int i = 0; i < g->count; i++)
            if (g->list[i].device == device
                && !fill(d, device, arena + (DriverAddress)g->list[i].at, GUARD_BYTE, PROGRAM_GUARD, err))
                return false;
        for (int i = 0; i < s->zero_count; i++) {
            const Buffer *b = &d->program->buffers[s->zero[i]];
            if (b->device == device
                && !fill(d, device, arena + (DriverAddress)b->offset, 0, b->bytes, err))
                return false;
        }
        if (!cuda_sync(d, device, err))
            return false;
    }
    return true;
}

static bool is_intact(Device *d, int device, DriverAddress at, bool *intact, char *err)
{
    unsigned char bytes[PROGRAM_GUARD];
    if (!cuda_select(d, device, err)
        || !DRIVER_CALL(&d->gpus.driver, err, cuMemcpyDtoHAsync, bytes, at, sizeof bytes,
                        d->list[device].compute)
        || !cuda_sync(d, device, err))
        return false;
    *intact = true;
    for (size_t i = 0; i < sizeof bytes; i++)
        *intact &= bytes[i] == GUARD_BYTE;
    return true;
}

bool cuda_guards_check(Device *d, char *err)
{
    const Program *p = d->program;
    bool front, back, intact;
    for (int i = 0; i < p->device_count; i++) {
        if (!is_intact(d, i, front_guard(d, i), &front, err)
            || !is_intact(d, i, back_guard(d, i), &back, err))
            return false;
        if (!front || !back) {
            snprintf(err, DEVICE_ERROR, "the memory around device %.60s was written", p->devices[i].name);
            return false;
        }
    }
    const Guards *g = d->entered < 0 ? NULL : &d->sequences[d->entered].guards;
    for (int i = 0; g && i < g->count; i++) {
        const Guard *guard = &g->list[i];
        DriverAddress at = d->list[guard->device].arena + (DriverAddress)guard->at;
        if (!is_intact(d, guard->device, at, &intact, err))
            return false;
        if (!intact) {
            snprintf(err, DEVICE_ERROR, "the guard behind buffer %.100s of device %.60s was written",
                     guard->before, p->devices[guard->device].name);
            return false;
        }
    }
    return true;
}
