// The CPU as a device: opens what a program needs (libraries, arenas, groups of threads), gives
// the host access to tensors, and fills the table of device.h.
#include "runtime/cpu/exec.h"
#include <dlfcn.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024 };

static bool fail(char *err, const char *what)
{
    snprintf(err, DEVICE_ERROR, "%s", what);
    return false;
}

// --- opening --------------------------------------------------------------------------------------

static int usable_threads(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

static int64_t most_scratch(const Program *p)
{
    int64_t most = 0;
    for (int i = 0; i < p->kernel_count; i++)
        most = p->kernels[i].scratch > most ? p->kernels[i].scratch : most;
    return most;
}

// `threads` shared evenly, the first groups taking what is left over; at least one each.
static bool open_groups(Device *d, const int *map, int count, int threads, char *err)
{
    if (count < 1 || count > PROGRAM_DEVICES || threads > MOST_THREADS)
        return fail(err, "too many groups of threads, or too many threads");
    d->group_count = count;
    for (int i = 0; i < d->program->device_count; i++) {
        if (map[i] < 0 || map[i] >= count)
            return fail(err, "a logical device is bound to no group of threads");
        d->group_of[i] = map[i];
    }
    if (threads < 1)
        threads = usable_threads();
    for (int g = 0; g < count; g++) {
        int share = threads / count + (g < threads % count);
        share = share < 1 ? 1 : share;
        d->first_worker[g] = d->workers;
        d->workers += share;
        if (!(d->groups[g] = pool_open(share, most_scratch(d->program))))
            return fail(err, "threads cannot be started");
    }
    d->drivers = pool_open(count, 0);
    return d->drivers || fail(err, "threads cannot be started");
}

static bool open_arenas(Device *d, char *err)
{
    const Program *p = d->program;
    for (int i = 0; i < p->device_count; i++)
        if (!cpu_arena_open(&d->arenas[i], &p->devices[i], err))
            return false;
    for (int i = 0; i < p->buffer_count; i++)
        if (p->buffers[i].role == BUFFER_STATE)
            d->states[p->buffers[i].device] =
                (StepState *)(void *)(d->arenas[p->buffers[i].device].base + p->buffers[i].offset);
    return true;
}

static bool open_call(Device *d, const Launch *l, Call *c, char *err)
{
    const Kernel *k = &d->program->kernels[l->kernel];
    c->items = l->items;
    c->t = calloc((size_t)l->tensor_count + 1, sizeof *c->t);
    if (!c->t)
        return fail(err, "out of memory");
    for (int i = 0; i < l->tensor_count; i++)
        c->t[i] = cpu_tensor(d, l->tensors[i]);
    void *symbol = d->units[k->unit].library ? dlsym(d->units[k->unit].library, k->symbol) : NULL;
    memcpy(&c->kernel, &symbol, sizeof symbol);        // ISO C has no cast from object to function
    if (!symbol)
        snprintf(err, DEVICE_ERROR, "kernel %.100s is not in its library", k->symbol);
    return symbol != NULL;
}

static bool open_sequence(Device *d, int index, char *err)
{
    const Sequence *s = &d->program->sequences[index];
    CpuSequence *q = &d->sequences[index];
    q->calls = calloc((size_t)s->launch_count + 1, sizeof *q->calls);
    q->transfers = calloc((size_t)s->copy_count + 1, sizeof *q->transfers);
    q->done = calloc((size_t)s->command_count + 1, sizeof *q->done);
    if (!q->calls || !q->transfers || !q->done || !guards_find(d->program, index, &q->guards))
        return fail(err, "out of memory");
    for (int i = 0; i < s->launch_count; i++)
        if (!open_call(d, &s->launches[i], &q->calls[i], err))
            return false;
    for (int i = 0; i < s->copy_count; i++) {
        const Tensor *from = &d->program->tensors[s->copies[i].from];
        const Tensor *to = &d->program->tensors[s->copies[i].to];
        if (!transfer_open(&q->transfers[i], from->shape, &from->layout, &to->layout))
            return fail(err, "out of memory");
    }
    return true;
}

static bool open_device(Device *d, const int *map, int count, int threads, char *err)
{
    const Program *p = d->program;
    size_t tensors = (size_t)p->tensor_count + 1;
    d->units = calloc((size_t)p->unit_count + 1, sizeof *d->units);
    d->sequences = calloc((size_t)p->sequence_count, sizeof *d->sequences);
    d->to_host = calloc(tensors, sizeof *d->to_host);
    d->from_host = calloc(tensors, sizeof *d->from_host);
    if (!d->units || !d->sequences || !d->to_host || !d->from_host)
        return fail(err, "out of memory");
    if (!cpu_units_open(p, d->units, err) || !open_arenas(d, err)
        || !open_groups(d, map, count, threads, err))
        return false;
    for (int i = 0; i < p->sequence_count; i++)
        if (!open_sequence(d, i, err))
            return false;
    return true;
}

static void close_sequence(const Sequence *s, CpuSequence *q)
{
    for (int i = 0; i < s->launch_count && q->calls; i++)
        free(q->calls[i].t);
    for (int i = 0; i < s->copy_count && q->transfers; i++)
        transfer_close(&q->transfers[i]);
    free(q->calls);
    free(q->transfers);
    free(q->done);
    free(q->guards.list);
    free(q->seconds);
}

static void cpu_close(Device *d)
{
    const Program *p = d->program;
    pool_close(d->drivers);
    for (int g = 0; g < d->group_count; g++)
        pool_close(d->groups[g]);
    for (int i = 0; i < p->sequence_count && d->sequences; i++)
        close_sequence(&p->sequences[i], &d->sequences[i]);
    for (int i = 0; i < p->tensor_count && d->to_host && d->from_host; i++) {
        transfer_close(&d->to_host[i]);
        transfer_close(&d->from_host[i]);
    }
    for (int i = 0; i < p->device_count; i++)
        cpu_arena_close(&d->arenas[i]);
    if (d->units)
        cpu_units_close(d->units, p->unit_count);
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->advanced);
    free(d->units);
    free(d->sequences);
    free(d->to_host);
    free(d->from_host);
    free(d);
}

static Device *cpu_open(const Program *p, const DeviceOptions *o, char err[DEVICE_ERROR])
{
    Device *d = calloc(1, sizeof *d);
    if (!d) {
        fail(err, "out of memory");
        return NULL;
    }
    d->program = p;
    d->entered = -1;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->advanced, NULL);
    if (open_device(d, o->map, o->count, o->threads, err))
        return d;
    cpu_close(d);
    return NULL;
}

// --- the host's view ------------------------------------------------------------------------------

static bool check_tensor(const Device *d, int tensor, char *err)
{
    if (tensor < 0 || tensor >= d->program->tensor_count || d->program->tensors[tensor].is_bytes)
        return fail(err, "no such tensor, or one of bytes");
    return true;
}

static Pool *pool_of(const Device *d, int tensor)
{
    const Program *p = d->program;
    return d->groups[d->group_of[p->buffers[p->tensors[tensor].buffer].device]];
}

static bool open_transfer(Transfer *t, const Tensor *of, bool to_host, char *err)
{
    const Layout dense = { .kind = LAYOUT_PLAIN, .vector = 1 };
    if (t->run || transfer_open(t, of->shape, to_host ? &of->layout : &dense,
                                to_host ? &dense : &of->layout))
        return true;
    return fail(err, "out of memory");
}

static bool write_words(Device *d, int tensor, const void *dense, char *err)
{
    if (!check_tensor(d, tensor, err)
        || !open_transfer(&d->from_host[tensor], &d->program->tensors[tensor], false, err))
        return false;
    transfer_run(&d->from_host[tensor], pool_of(d, tensor), dense, cpu_tensor(d, tensor));
    return true;
}

static bool cpu_write(Device *d, int tensor, const float *dense, char err[DEVICE_ERROR])
{
    return write_words(d, tensor, dense, err);
}

static bool cpu_write_labels(Device *d, int tensor, const int32_t *labels, char err[DEVICE_ERROR])
{
    return write_words(d, tensor, labels, err);
}

static bool cpu_read(Device *d, int tensor, float *dense, char err[DEVICE_ERROR])
{
    if (!check_tensor(d, tensor, err)
        || !open_transfer(&d->to_host[tensor], &d->program->tensors[tensor], true, err))
        return false;
    transfer_run(&d->to_host[tensor], pool_of(d, tensor), cpu_tensor(d, tensor), dense);
    return true;
}

// --- running --------------------------------------------------------------------------------------

static bool cpu_walk_part(Device *d, int sequence, int first, int end, DeviceMade *made, void *context,
                          char err[DEVICE_ERROR])
{
    const Sequence *s = &d->program->sequences[sequence];
    (void)err;
    if (first == 0)
        cpu_start(d, sequence);
    for (int i = first; i < end; i++) {
        const Command *c = &s->commands[i];
        int count = c->kind == COMMAND_COPY ? 1 : c->count;
        for (int k = c->first; k < c->first + count; k++) {
            cpu_step(d, c, k);
            if (!made(context, c->kind == COMMAND_COPY, k))
                return true;
        }
    }
    return true;
}

static void cpu_set_state(Device *d, const StepState *state, const ParamRates *rates)
{
    for (int i = 0; i < d->program->device_count; i++)
        if (d->states[i]) {
            *d->states[i] = *state;
            memcpy(d->states[i] + 1, rates, (size_t)d->program->param_count * sizeof *rates);
        }
}

static bool cpu_stopped(Device *d)
{
    for (int i = 0; i < d->program->device_count; i++)
        if (d->states[i] && d->states[i]->stop)
            return true;
    return false;
}

static int64_t cpu_copied_bytes(const Device *d)
{
    return atomic_load(&d->copied);
}

static const char *cpu_way(const Device *d, int from, int to)
{
    (void)d;
    (void)from;
    (void)to;
    return "within the host's memory";
}

static bool cpu_has_failed(const Device *d)
{
    (void)d;
    return false;
}

static void cpu_poison(Device *d, bool on) { d->is_poisoning = on; }

static bool cpu_check_guards(Device *d, char err[DEVICE_ERROR])
{
    const Guards none = { 0 };
    const Guards *g = d->entered < 0 ? &none : &d->sequences[d->entered].guards;
    return guards_check(g, d->program, d->arenas, err);
}

// Without memory for the sums there is no profile: the times stay as they are.
static void cpu_profile(Device *d, int sequence, LaunchTime *times)
{
    CpuSequence *q = &d->sequences[sequence];
    size_t launches = (size_t)d->program->sequences[sequence].launch_count;
    if (times && !q->seconds)
        q->seconds = calloc((size_t)d->workers * launches + 1, sizeof *q->seconds);
    q->times = q->seconds ? times : NULL;
}

static void cpu_watch(Device *d, int sequence, CommandTime *times) { d->sequences[sequence].watched = times; }

const DeviceClass device_cpu = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .write = cpu_write,
    .read = cpu_read,
    .write_labels = cpu_write_labels,
    .set_state = cpu_set_state,
    .stopped = cpu_stopped,
    .enter = cpu_enter,
    .run = cpu_run,
    .run_part = cpu_run_part,
    .walk_part = cpu_walk_part,
    .has_failed = cpu_has_failed,
    .copied_bytes = cpu_copied_bytes,
    .way = cpu_way,
    .poison = cpu_poison,
    .check_guards = cpu_check_guards,
    .profile = cpu_profile,
    .watch = cpu_watch,
};
