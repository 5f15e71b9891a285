// GPUs as a device: opens what a program needs (driver, contexts, modules, memory, streams), gives the host
// access to tensors, and fills the table of device.h.
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include "runtime/cuda/products.h"
#include <stdlib.h>
#include <string.h>

static bool fail(char *err, const char *what)
{
    snprintf(err, DEVICE_ERROR, "%s", what);
    return false;
}

// --- opening --------------------------------------------------------------------------------------

static bool bind(Device *d, const int *map, char *err)
{
    for (int i = 0; i < d->program->device_count; i++) {
        int gpu = map[i] < 0 ? i % d->gpus.count : map[i];
        if (gpu >= d->gpus.count) {
            const char *name = d->program->devices[i].name;
            snprintf(err, DEVICE_ERROR, "device %.60s is mapped to GPU %d, but there %s only %d: GPU 0%s; "
                     "%.60s=cuda:%d would do", name, gpu, d->gpus.count > 1 ? "are" : "is", d->gpus.count,
                     d->gpus.count > 1 ? " and following" : "", name, i % d->gpus.count);
            return false;
        }
        d->list[i].gpu = gpu;
        if (!gpu_retain(&d->gpus, gpu, err)) {
            driver_explain(err, "GPU %d, %.80s, cannot be used", gpu, d->gpus.list[gpu].name);
            return false;
        }
    }
    return true;
}

static bool connect(Device *d, char *err)
{
    for (int a = 0; a < d->program->device_count; a++)
        for (int b = 0; b < d->program->device_count; b++) {
            int from = d->list[a].gpu, to = d->list[b].gpu;
            if (from != to && !d->options.no_peers && !d->reaches[from][to]
                && !gpu_reach(&d->gpus, from, to, &d->reaches[from][to], err))
                return false;
        }
    return true;
}

static bool open_streams(Device *d, int device, char *err)
{
    const Driver *driver = &d->gpus.driver;
    CudaDevice *own = &d->list[device];
    return cuda_select(d, device, err)
        && DRIVER_CALL(driver, err, cuStreamCreate, &own->compute, DRIVER_STREAM_NON_BLOCKING)
        && DRIVER_CALL(driver, err, cuStreamCreate, &own->copy, DRIVER_STREAM_NON_BLOCKING)
        && DRIVER_CALL(driver, err, cuEventCreate, &own->start, DRIVER_EVENT_DISABLE_TIMING)
        && DRIVER_CALL(driver, err, cuEventCreate, &own->end, DRIVER_EVENT_DISABLE_TIMING)
        && modules_find(&d->modules, &d->gpus, own->gpu, d->modules.units, "gather", &own->gather, err)
        && modules_find(&d->modules, &d->gpus, own->gpu, d->modules.units, "scatter", &own->scatter, err);
}

static bool open_modules(Device *d, char *err)
{
    bool used[GPUS_MOST] = { false };
    for (int i = 0; i < d->program->device_count; i++)
        used[d->list[i].gpu] = true;
    return modules_open(&d->modules, d->program, &d->gpus, used, err);
}

static bool open_device(Device *d, const int *map, char *err)
{
    const Program *p = d->program;
    d->sides = calloc((size_t)p->tensor_count + 1, sizeof *d->sides);
    d->sequences = calloc((size_t)p->sequence_count + 1, sizeof *d->sequences);
    if (!d->sides || !d->sequences)
        return fail(err, "out of memory");
    if (!gpus_open(&d->gpus, err) || !bind(d, map, err) || !connect(d, err) || !open_modules(d, err))
        return false;
    for (int i = 0; i < p->device_count; i++)
        if (!open_streams(d, i, err))
            return false;
    if (!cuda_memory_open(d, err) || !products_open(d, err))
        return false;
    for (int i = 0; i < p->device_count; i++)
        if (!move_open(d, i, err))
            return false;
    for (int i = 0; i < p->sequence_count; i++)
        if (!cuda_sequence_open(d, i, err))
            return false;
    cuda_name_regions(d);
    return true;
}

static void close_streams(Device *d, int device)
{
    const Driver *driver = &d->gpus.driver;
    const CudaDevice *own = &d->list[device];
    char err[DEVICE_ERROR];
    if (!d->gpus.list[own->gpu].context || !cuda_select(d, device, err))
        return;
    if (own->compute)
        driver->cuStreamDestroy(own->compute);
    if (own->copy)
        driver->cuStreamDestroy(own->copy);
    if (own->start)
        driver->cuEventDestroy(own->start);
    if (own->end)
        driver->cuEventDestroy(own->end);
}

static void cuda_close(Device *d)
{
    const Program *p = d->program;
    if (d->gpus.count) {
        for (int i = 0; i < p->sequence_count; i++)
            cuda_sequence_close(d, i);
        products_close(d);
        cuda_memory_close(d);
        for (int i = 0; i < p->device_count; i++)
            close_streams(d, i);
        modules_close(&d->modules, &d->gpus);
    }
    gpus_close(&d->gpus);
    free(d->sides);
    free(d->sequences);
    free(d);
}

static Device *cuda_open(const Program *p, const DeviceOptions *o, char err[DEVICE_ERROR])
{
    Device *d = calloc(1, sizeof *d);
    if (!d) {
        fail(err, "out of memory");
        return NULL;
    }
    d->program = p;
    d->options = *o;
    d->options.map = NULL;
    d->entered = -1;
    if (open_device(d, o->map, err))
        return d;
    cuda_close(d);
    return NULL;
}

// Notes what a call of the table came to.
static bool came_to(Device *d, bool good)
{
    d->has_failed |= !good;
    return good;
}

// --- the host's view ------------------------------------------------------------------------------

// What a function that cannot return it has met goes before what follows from it.
static bool check_fault(Device *d, char *err)
{
    return !d->fault[0] || came_to(d, fail(err, d->fault));
}

static bool check_tensor(Device *d, int tensor, char *err)
{
    if (tensor < 0 || tensor >= d->program->tensor_count || d->program->tensors[tensor].is_bytes)
        return fail(err, "no such tensor, or one of bytes");
    return check_fault(d, err);
}

static bool cuda_write(Device *d, int tensor, const float *dense, char err[DEVICE_ERROR])
{
    if (!check_tensor(d, tensor, err))
        return false;
    d->is_stale |= d->program->buffers[d->program->tensors[tensor].buffer].role == BUFFER_PARAM;
    return came_to(d, move_write(d, tensor, dense, err));
}

static bool cuda_write_labels(Device *d, int tensor, const int32_t *labels, char err[DEVICE_ERROR])
{
    return check_tensor(d, tensor, err) && came_to(d, move_write(d, tensor, labels, err));
}

static bool cuda_read(Device *d, int tensor, float *dense, char err[DEVICE_ERROR])
{
    return check_tensor(d, tensor, err) && came_to(d, move_read(d, tensor, dense, err));
}

static void cuda_enter(Device *d, int sequence)
{
    if (d->entered == sequence)
        return;
    d->entered = sequence;
    d->is_stale = true;
    if (!cuda_memory_enter(d, sequence, d->fault))
        driver_explain(d->fault, "memory cannot be cleared");
}

static void cuda_set_state(Device *d, const StepState *state, const ParamRates *rates)
{
    for (int i = 0; i < d->program->device_count; i++) {
        memcpy(d->list[i].next_state, state, sizeof *state);
        memcpy(d->list[i].next_state + sizeof *state, rates, (size_t)d->program->param_count * sizeof *rates);
    }
}

static bool cuda_stopped(Device *d)
{
    for (int i = 0; i < d->program->device_count; i++)
        if (d->list[i].last_state->stop)
            return true;
    return false;
}

static bool check_sequence(Device *d, int sequence, char *err)
{
    if (sequence < 0 || sequence >= d->program->sequence_count) {
        snprintf(err, DEVICE_ERROR, "there is no sequence %d", sequence);
        return false;
    }
    cuda_enter(d, sequence);
    return check_fault(d, err);
}

static bool run(Device *d, int sequence, char err[DEVICE_ERROR])
{
    return check_sequence(d, sequence, err) && came_to(d, cuda_run(d, sequence, err));
}

static bool run_part(Device *d, int sequence, int first, int end, char err[DEVICE_ERROR])
{
    return check_sequence(d, sequence, err) && came_to(d, cuda_run_part(d, sequence, first, end, err));
}

static bool walk_part(Device *d, int sequence, int first, int end, DeviceMade *made, void *context,
                      char err[DEVICE_ERROR])
{
    const Sequence *s = &d->program->sequences[sequence];
    if (!check_sequence(d, sequence, err) || !came_to(d, cuda_start(d, sequence, first == 0, err)))
        return false;
    for (int i = first; i < end; i++) {
        const Command *c = &s->commands[i];
        int count = c->kind == COMMAND_COPY ? 1 : c->count;
        for (int k = c->first; k < c->first + count; k++) {
            if (!came_to(d, cuda_step(d, sequence, c, k, err)))
                return false;
            if (!made(context, c->kind == COMMAND_COPY, k))
                return true;
        }
    }
    return true;
}

static int64_t copied_bytes(const Device *d) { return d->copied; }

static const char *way(const Device *d, int from, int to)
{
    int a = d->list[from].gpu, b = d->list[to].gpu;
    return a == b ? "within the GPU's memory" : d->reaches[a][b] ? "directly, by peer access"
                                                                 : "through pinned memory of the host";
}

static bool has_failed(const Device *d) { return d->has_failed; }
static void poison(Device *d, bool on) { d->is_poisoning = on; }
static bool check_guards(Device *d, char err[DEVICE_ERROR]) { return came_to(d, cuda_guards_check(d, err)); }

// --- profiles -------------------------------------------------------------------------------------

static bool open_events(Device *d, int device, CudaLaunch *c, char *err)
{
    const Driver *driver = &d->gpus.driver;
    return cuda_select(d, device, err)
        && (c->begin || DRIVER_CALL(driver, err, cuEventCreate, &c->begin, DRIVER_EVENT_DEFAULT))
        && (c->end || DRIVER_CALL(driver, err, cuEventCreate, &c->end, DRIVER_EVENT_DEFAULT));
}

// Without events there is no profile: the times stay as they are.
static void profile(Device *d, int sequence, LaunchTime *times)
{
    const Sequence *s = &d->program->sequences[sequence];
    CudaSequence *q = &d->sequences[sequence];
    char err[DEVICE_ERROR];
    bool good = times;
    for (int i = 0; i < s->command_count && good; i++) {
        const Command *c = &s->commands[i];
        for (int l = c->first; c->kind != COMMAND_COPY && l < c->first + c->count && good; l++)
            good = open_events(d, c->device, &q->launches[l], err);
    }
    q->times = good ? times : NULL;
}

const DeviceClass device_cuda = {
    .name = "cuda",
    .open = cuda_open,
    .close = cuda_close,
    .write = cuda_write,
    .read = cuda_read,
    .write_labels = cuda_write_labels,
    .set_state = cuda_set_state,
    .stopped = cuda_stopped,
    .enter = cuda_enter,
    .run = run,
    .run_part = run_part,
    .walk_part = walk_part,
    .has_failed = has_failed,
    .copied_bytes = copied_bytes,
    .way = way,
    .poison = poison,
    .check_guards = check_guards,
    .profile = profile,
};
