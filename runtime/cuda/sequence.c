// Readies a sequence: arguments of its launches, messages of its copies with the events that say where they
// are. A copy is packed as early as its order allows: behind the last command of the sender that is known
// to be done when the copy begins.
#include "program/order.h"
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include <stdlib.h>

enum { ALIGN = 128 };                  // of messages

static bool no_memory(char *err)
{
    snprintf(err, DEVICE_ERROR, "out of memory");
    return false;
}

static bool open_event(Device *d, int device, DriverEvent *event, char *err)
{
    return cuda_select(d, device, err)
        && DRIVER_CALL(&d->gpus.driver, err, cuEventCreate, event, DRIVER_EVENT_DISABLE_TIMING);
}

// --- launches -------------------------------------------------------------------------------------

static bool check_launch(const Device *d, const Launch *l, const Kernel *k, int gpu, char *err)
{
    const Gpu *of = &d->gpus.list[gpu];
    if (k->shared <= of->most_shared)
        return true;
    snprintf(err, DEVICE_ERROR, "launch %.100s needs %lld bytes of shared memory, GPU %d, %.60s, has %d",
             l->title, (long long)k->shared, gpu, of->name, of->most_shared);
    return false;
}

static bool open_launch(Device *d, int device, const Launch *l, CudaLaunch *c, char *err)
{
    const Kernel *k = &d->program->kernels[l->kernel];
    int gpu = d->list[device].gpu;
    *c = (CudaLaunch){ .grid = { (unsigned)l->grid.x, (unsigned)l->grid.y, (unsigned)l->grid.z },
                       .threads = (unsigned)k->threads, .shared = (unsigned)k->shared,
                       .args = calloc((size_t)l->tensor_count + 1, sizeof *c->args),
                       .params = calloc((size_t)l->tensor_count + 1, sizeof *c->params) };
    if (!c->args || !c->params)
        return no_memory(err);
    for (int i = 0; i < l->tensor_count; i++) {
        c->args[i] = cuda_address(d, l->tensors[i]);
        c->params[i] = &c->args[i];
    }
    if (k->product.m)
        return true;
    return check_launch(d, l, k, gpu, err) && cuda_select(d, device, err)
        && modules_find(&d->modules, &d->gpus, gpu, k->unit, k->symbol, &c->function, err)
        && DRIVER_CALL(&d->gpus.driver, err, cuFuncSetAttribute, c->function,
                       DRIVER_FUNCTION_MAX_DYNAMIC_SHARED, (int)k->shared);
}

static bool open_launches(Device *d, const Sequence *s, CudaSequence *q, char *err)
{
    for (int i = 0; i < s->command_count; i++) {
        const Command *c = &s->commands[i];
        for (int l = c->first; c->kind != COMMAND_COPY && l < c->first + c->count; l++)
            if (!open_launch(d, c->device, &s->launches[l], &q->launches[l], err))
                return false;
    }
    return true;
}

// --- copies ---------------------------------------------------------------------------------------

static int device_of(const Program *p, int tensor)
{
    return p->buffers[p->tensors[tensor].buffer].device;
}

// Messages of a sequence lie one behind the other, in the order of copies, on every device.
static int64_t message_offset(const Program *p, const Sequence *s, int copy, int device)
{
    int64_t offset = 0;
    for (int i = 0; i < copy; i++)
        if (device_of(p, s->copies[i].from) == device || device_of(p, s->copies[i].to) == device)
            offset += (move_message_bytes(&p->tensors[s->copies[i].to]) + ALIGN - 1) / ALIGN * ALIGN;
    return offset;
}

int64_t cuda_message_bytes(const Program *p, int device)
{
    int64_t most = 0;
    for (int i = 0; i < p->sequence_count; i++) {
        int64_t bytes = message_offset(p, &p->sequences[i], p->sequences[i].copy_count, device);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static bool open_copy(Device *d, const Sequence *s, int index, CudaCopy *c, char *err)
{
    const Program *p = d->program;
    const Copy *copy = &s->copies[index];
    c->from = device_of(p, copy->from);
    c->to = device_of(p, copy->to);
    c->after = -1;
    const CudaDevice *from = &d->list[c->from], *to = &d->list[c->to];
    c->received = to->messages + (DriverAddress)message_offset(p, s, index, c->to);
    c->sent = from->messages + (DriverAddress)message_offset(p, s, index, c->from);
    if (from->gpu == to->gpu)
        c->sent = c->received;
    else if (!d->reaches[from->gpu][to->gpu]
             && !DRIVER_CALL(&d->gpus.driver, err, cuMemHostAlloc, &c->host,
                             (size_t)move_message_bytes(&p->tensors[copy->to]), DRIVER_HOST_PORTABLE))
        return false;
    return open_event(d, c->from, &c->packed, err)
        && (from->gpu == to->gpu || open_event(d, c->from, &c->staged, err))
        && (!c->host || open_event(d, c->to, &c->arrived, err));
}

static bool find_departures(const Device *d, const Sequence *s, CudaSequence *q, char *err)
{
    CommandClock *clocks = calloc((size_t)s->command_count + 1, sizeof *clocks);
    if (!clocks)
        return no_memory(err);
    order_clocks(s, clocks);
    for (int i = 0; i < s->command_count; i++)
        if (s->commands[i].kind == COMMAND_COPY)
            q->copies[s->commands[i].first].after = order_copy_after(d->program, s, clocks, i);
    free(clocks);
    return true;
}

// --- a sequence -----------------------------------------------------------------------------------

bool cuda_sequence_open(Device *d, int sequence, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    CudaSequence *q = &d->sequences[sequence];
    q->launches = calloc((size_t)s->launch_count + 1, sizeof *q->launches);
    q->copies = calloc((size_t)s->copy_count + 1, sizeof *q->copies);
    if (!q->launches || !q->copies || !guards_find(d->program, sequence, &q->guards))
        return no_memory(err);
    for (int i = 0; i < s->copy_count; i++)
        if (!open_copy(d, s, i, &q->copies[i], err))
            return false;
    return open_launches(d, s, q, err) && find_departures(d, s, q, err);
}

static void close_event(const Device *d, DriverEvent event)
{
    if (event)
        d->gpus.driver.cuEventDestroy(event);
}

void cuda_sequence_close(Device *d, int sequence)
{
    const Sequence *s = &d->program->sequences[sequence];
    CudaSequence *q = &d->sequences[sequence];
    for (int i = 0; i < s->launch_count && q->launches; i++) {
        close_event(d, q->launches[i].begin);
        close_event(d, q->launches[i].end);
        free(q->launches[i].args);
        free(q->launches[i].params);
    }
    for (int i = 0; i < s->copy_count && q->copies; i++) {
        close_event(d, q->copies[i].packed);
        close_event(d, q->copies[i].staged);
        close_event(d, q->copies[i].arrived);
        if (q->copies[i].host)
            d->gpus.driver.cuMemFreeHost(q->copies[i].host);
    }
    if (q->graph)
        d->gpus.driver.cuGraphExecDestroy(q->graph);
    free(q->launches);
    free(q->copies);
    free(q->guards.list);
}
