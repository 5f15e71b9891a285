// Runs a sequence. Every logical device has a stream of its commands in order, which touch its own memory
// alone: what another device made comes as a message, packed by the other one's stream, so a device waits
// for messages and for nothing else. Command.waits decide how early they are packed. A whole run, from the
// state that the host wrote to the state that it reads, is captured into a graph the second time and replayed
// from then on: everything that changes from step to step is read from memory. Rounded copies of parameters
// are refreshed before a run, where they have to be; the run itself leaves these launches out.
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include "runtime/cuda/products.h"

DriverAddress cuda_address(const Device *d, int tensor)
{
    const Tensor *t = &d->program->tensors[tensor];
    const Buffer *b = &d->program->buffers[t->buffer];
    return d->list[b->device].arena + (DriverAddress)(b->offset + t->offset);
}

int cuda_home(const Device *d, int tensor)
{
    return d->program->buffers[d->program->tensors[tensor].buffer].device;
}

bool cuda_select(const Device *d, int device, char *err)
{
    return gpu_enter(&d->gpus, d->list[device].gpu, err);
}

bool cuda_sync(const Device *d, int device, char *err)
{
    const CudaDevice *own = &d->list[device];
    return DRIVER_CALL(&d->gpus.driver, err, cuStreamSynchronize, own->compute)
        && DRIVER_CALL(&d->gpus.driver, err, cuStreamSynchronize, own->copy);
}

// --- one thing into a stream ----------------------------------------------------------------------

static bool record(const Device *d, DriverEvent event, DriverStream stream, char *err)
{
    return DRIVER_CALL(&d->gpus.driver, err, cuEventRecord, event, stream);
}

static bool wait_for(const Device *d, DriverStream stream, DriverEvent event, char *err)
{
    return DRIVER_CALL(&d->gpus.driver, err, cuStreamWaitEvent, stream, event, 0);
}

static bool say_launch(const Launch *l, char *err)
{
    if (l->place_count)
        driver_explain(err, "%.140s:%d: launch `%.120s`", l->places[0].path, l->places[0].line, l->title);
    else
        driver_explain(err, "launch `%.120s`", l->title);
    return false;
}

static bool launch_kernel(const Device *d, const CudaLaunch *c, DriverStream stream, char *err)
{
    return DRIVER_CALL(&d->gpus.driver, err, cuLaunchKernel, c->function, c->grid[0], c->grid[1], c->grid[2],
                       c->threads, 1, 1, c->shared, stream, c->params, NULL);
}

// A launch that is timed waits for the one before, on whichever device: its time is that of it alone.
static bool begin_time(const Device *d, CudaSequence *q, const CudaLaunch *c, DriverStream stream, char *err)
{
    bool good = (!q->last_end || wait_for(d, stream, q->last_end, err)) && record(d, c->begin, stream, err);
    q->last_end = c->end;
    return good;
}

static bool enqueue_launch(Device *d, int sequence, int device, int index, char *err)
{
    CudaSequence *q = &d->sequences[sequence];
    const CudaLaunch *c = &q->launches[index];
    const Launch *l = &d->program->sequences[sequence].launches[index];
    DriverStream stream = d->list[device].compute;
    bool timed = q->times && !l->refreshes;
    if ((timed && !begin_time(d, q, c, stream, err))
        || !(c->function ? launch_kernel(d, c, stream, err) : products_launch(d, device, l, c, err))
        || (timed && !record(d, c->end, stream, err))
        || (d->options.one_by_one && !cuda_sync(d, device, err)))
        return say_launch(l, err);
    return true;
}

// --- copies ---------------------------------------------------------------------------------------

static bool say_copy(const Copy *copy, char *err)
{
    driver_explain(err, "%.140s:%d: copy of %.60s to %.60s", copy->place.path ? copy->place.path : "",
                   copy->place.line, copy->layer, copy->point);
    return false;
}

static bool bring(Device *d, const Copy *copy, const CudaCopy *c, char *err)
{
    const Driver *driver = &d->gpus.driver;
    const CudaDevice *from = &d->list[c->from], *to = &d->list[c->to];
    size_t bytes = (size_t)move_message_bytes(&d->program->tensors[copy->to]);
    if (c->sent == c->received && from->gpu == to->gpu)
        return true;
    if (!wait_for(d, from->copy, c->packed, err))
        return false;
    if (!c->host)
        return DRIVER_CALL(driver, err, cuMemcpyPeerAsync, c->received, d->gpus.list[to->gpu].context,
                           c->sent, d->gpus.list[from->gpu].context, bytes, from->copy)
            && record(d, c->staged, from->copy, err);
    return DRIVER_CALL(driver, err, cuMemcpyDtoHAsync, c->host, c->sent, bytes, from->copy)
        && record(d, c->staged, from->copy, err) && cuda_select(d, c->to, err)
        && wait_for(d, to->copy, c->staged, err)
        && DRIVER_CALL(driver, err, cuMemcpyHtoDAsync, c->received, c->host, bytes, to->copy)
        && record(d, c->arrived, to->copy, err);
}

// On the sender: packs, and sends it on its way.
static bool send(Device *d, int sequence, int index, char *err)
{
    const Copy *copy = &d->program->sequences[sequence].copies[index];
    const CudaCopy *c = &d->sequences[sequence].copies[index];
    return (cuda_select(d, c->from, err) && move_pack(d, copy->from, c->sent, err)
            && record(d, c->packed, d->list[c->from].compute, err) && bring(d, copy, c, err))
        || say_copy(copy, err);
}

// On the receiver, in the copy's place among its commands.
static bool receive(Device *d, int sequence, int index, char *err)
{
    const Copy *copy = &d->program->sequences[sequence].copies[index];
    const CudaCopy *c = &d->sequences[sequence].copies[index];
    DriverEvent there = c->host ? c->arrived : c->sent == c->received ? c->packed : c->staged;
    d->copied += copy->bytes;
    return (cuda_select(d, c->to, err) && wait_for(d, d->list[c->to].compute, there, err)
            && (!d->is_poisoning || move_poison(d, copy->to, err))
            && move_unpack(d, copy->to, c->received, err))
        || say_copy(copy, err);
}

// All copies that are packed behind a command of their sender (-1: before all).
static bool send_after(Device *d, int sequence, int command, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    for (int i = 0; i < s->copy_count; i++)
        if (d->sequences[sequence].copies[i].after == command && !send(d, sequence, i, err))
            return false;
    return true;
}

// --- a run ----------------------------------------------------------------------------------------

static bool put_state(Device *d, int device, char *err)
{
    const CudaDevice *own = &d->list[device];
    size_t bytes = sizeof(StepState) + (size_t)d->program->param_count * sizeof(ParamRates);
    return !own->state
        || (cuda_select(d, device, err)
            && DRIVER_CALL(&d->gpus.driver, err, cuMemcpyHtoDAsync, own->state, own->next_state, bytes,
                           own->compute));
}

static bool get_state(Device *d, int device, char *err)
{
    const CudaDevice *own = &d->list[device];
    return !own->state
        || (cuda_select(d, device, err)
            && DRIVER_CALL(&d->gpus.driver, err, cuMemcpyDtoHAsync, own->last_state, own->state,
                           sizeof *own->last_state, own->compute));
}

static bool enqueue_command(Device *d, int sequence, int index, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    const Command *c = &s->commands[index];
    if (c->kind == COMMAND_COPY)
        return receive(d, sequence, c->first, err);
    if (!cuda_select(d, c->device, err))
        return false;
    for (int l = c->first; l < c->first + c->count; l++)
        if (!s->launches[l].refreshes && !enqueue_launch(d, sequence, c->device, l, err))
            return false;
    return true;
}

static bool enqueue(Device *d, int sequence, int first, int end, char *err)
{
    for (int i = 0; i < d->program->device_count; i++)
        if (!put_state(d, i, err))
            return false;
    if (first == 0 && !send_after(d, sequence, -1, err))
        return false;
    for (int i = first; i < end; i++)
        if (!enqueue_command(d, sequence, i, err) || !send_after(d, sequence, i, err))
            return false;
    for (int i = 0; i < d->program->device_count; i++)
        if (!get_state(d, i, err))
            return false;
    return true;
}

static bool finish(Device *d, int sequence, char *err)
{
    static const char *const names[] = { "training step", "test step", "prediction" };
    for (int i = 0; i < d->program->device_count; i++)
        if (!cuda_select(d, i, err) || !cuda_sync(d, i, err)) {
            driver_explain(err, "a launch of the %s failed on device %.40s%s",
                           names[d->program->sequences[sequence].kind], d->program->devices[i].name,
                           d->options.one_by_one ? "" : " (--check tells which)");
            return false;
        }
    return true;
}

// Rounded copies of parameters, each on its device: they read what no launch before them writes.
static bool refresh(Device *d, int sequence, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    for (int i = 0; i < s->command_count && d->is_stale; i++) {
        const Command *c = &s->commands[i];
        for (int l = c->first; c->kind != COMMAND_COPY && l < c->first + c->count; l++)
            if (s->launches[l].refreshes
                && (!cuda_select(d, c->device, err) || !enqueue_launch(d, sequence, c->device, l, err)))
                return false;
    }
    if (d->is_stale && !finish(d, sequence, err))
        return false;
    d->is_stale = false;
    return true;
}

// --- graphs ---------------------------------------------------------------------------------------

// Every other compute stream branches off the first device's and joins it at the end; copy streams branch
// off and join by the events of their copies.
static bool enqueue_joined(Device *d, int sequence, char *err)
{
    const CudaDevice *first = &d->list[0];
    if (!cuda_select(d, 0, err) || !record(d, first->start, first->compute, err))
        return false;
    for (int i = 1; i < d->program->device_count; i++)
        if (!cuda_select(d, i, err) || !wait_for(d, d->list[i].compute, first->start, err))
            return false;
    if (!enqueue(d, sequence, 0, d->program->sequences[sequence].command_count, err))
        return false;
    for (int i = 1; i < d->program->device_count; i++)
        if (!cuda_select(d, i, err) || !record(d, d->list[i].end, d->list[i].compute, err)
            || !wait_for(d, first->compute, d->list[i].end, err))
            return false;
    return cuda_select(d, 0, err);
}

static bool capture(Device *d, int sequence, char *err)
{
    const Driver *driver = &d->gpus.driver;
    DriverStream stream = d->list[0].compute;
    DriverGraph graph = NULL;
    int64_t copied = d->copied;
    if (!cuda_select(d, 0, err)
        || !DRIVER_CALL(driver, err, cuStreamBeginCapture, stream, DRIVER_CAPTURE_MODE_RELAXED))
        return false;
    bool good = enqueue_joined(d, sequence, err);
    DriverResult ended = driver->cuStreamEndCapture(stream, &graph);
    d->copied = copied;
    good = good && driver_check(driver, ended, "cuStreamEndCapture", err)
        && DRIVER_CALL(driver, err, cuGraphInstantiateWithFlags, &d->sequences[sequence].graph, graph, 0);
    if (graph)
        driver->cuGraphDestroy(graph);
    return good;
}

static bool replay(Device *d, int sequence, char *err)
{
    const Sequence *s = &d->program->sequences[sequence];
    for (int i = 0; i < s->copy_count; i++)
        d->copied += s->copies[i].bytes;
    return cuda_select(d, 0, err)
        && DRIVER_CALL(&d->gpus.driver, err, cuGraphLaunch, d->sequences[sequence].graph, d->list[0].compute);
}

static bool add_times(Device *d, int sequence, char *err)
{
    CudaSequence *q = &d->sequences[sequence];
    for (int i = 0; q->times && i < d->program->sequences[sequence].launch_count; i++) {
        float milliseconds = 0;
        if (d->program->sequences[sequence].launches[i].refreshes)
            continue;
        if (!DRIVER_CALL(&d->gpus.driver, err, cuEventElapsedTime, &milliseconds, q->launches[i].begin,
                         q->launches[i].end))
            return false;
        q->times[i].seconds += 1e-3 * (double)milliseconds;
        q->times[i].runs++;
    }
    return true;
}

// Received values that have bytes of their own are NaN from the start: a kernel that does not wait for its
// copy shows.
static bool poison(Device *d, int sequence, char *err)
{
    const Program *p = d->program;
    const Sequence *s = &p->sequences[sequence];
    for (int i = 0; d->is_poisoning && i < s->copy_count; i++) {
        int to = s->copies[i].to;
        if (!p->buffers[p->tensors[to].buffer].shared
            && (!cuda_select(d, cuda_home(d, to), err) || !move_poison(d, to, err)))
            return false;
    }
    return true;
}

bool cuda_run(Device *d, int sequence, char *err)
{
    CudaSequence *q = &d->sequences[sequence];
    q->last_end = NULL;
    bool by_graph = !d->options.no_graphs && !d->options.one_by_one && !d->is_poisoning && !q->times
                 && q->runs++ > 0;
    if (by_graph && !q->graph && !capture(d, sequence, err)) {
        driver_explain(err, "the step cannot be captured into a graph");
        return false;
    }
    return poison(d, sequence, err) && refresh(d, sequence, err)
        && (by_graph ? replay(d, sequence, err)
                     : enqueue(d, sequence, 0, d->program->sequences[sequence].command_count, err))
        && finish(d, sequence, err) && add_times(d, sequence, err);
}

bool cuda_run_part(Device *d, int sequence, int first, int end, char *err)
{
    bool begun = first > 0 || (poison(d, sequence, err) && refresh(d, sequence, err));
    d->sequences[sequence].last_end = first > 0 ? d->sequences[sequence].last_end : NULL;
    return begun && enqueue(d, sequence, first, end, err) && finish(d, sequence, err)
        && (end < d->program->sequences[sequence].command_count || add_times(d, sequence, err));
}

bool cuda_start(Device *d, int sequence, bool anew, char *err)
{
    for (int i = 0; i < d->program->device_count; i++)
        if (!put_state(d, i, err))
            return false;
    return !anew || poison(d, sequence, err);
}

bool cuda_step(Device *d, int sequence, const Command *c, int launch, char *err)
{
    if (c->kind == COMMAND_COPY) {
        if (!send(d, sequence, launch, err) || !receive(d, sequence, launch, err))
            return false;
    } else if (!cuda_select(d, c->device, err)
               || !enqueue_launch(d, sequence, c->device, launch, err)) {
        return false;
    }
    for (int i = 0; i < d->program->device_count; i++)
        if (!get_state(d, i, err))
            return false;
    return finish(d, sequence, err);
}
