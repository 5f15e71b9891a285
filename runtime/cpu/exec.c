// Runs a sequence: every group of threads goes through the commands of its logical devices in
// order and waits for other groups only where a command says so. Which thread runs which item
// changes no bit: items write disjoint places and every sum is made within one item.
#include "runtime/cpu/exec.h"
#include "base/clock.h"
#include <math.h>
#include <string.h>

enum { SPINS = 4000, QUIET_NAN = 0x7fc00000 };

char *cpu_tensor(const Device *d, int tensor)
{
    const Tensor *t = &d->program->tensors[tensor];
    const Buffer *b = &d->program->buffers[t->buffer];
    return d->arenas[b->device].base + b->offset + t->offset;
}

// --- launches -------------------------------------------------------------------------------------

// Items of a command, for the pool: launches first..first+count-1 of a sequence.
typedef struct {
    const CpuSequence *sequence;
    int                first, count;
    double            *seconds;        // of the group's first worker, by launch; NULL: no profile
    int                launches;       // of the sequence: the distance between two workers
} Work;

static void call(const Work *w, int launch, int64_t item, const PoolWorker *worker)
{
    const Call *c = &w->sequence->calls[launch];
    if (!w->seconds) {
        c->kernel(c->t, (long)item, worker->scratch);
        return;
    }
    double start = clock_seconds();
    c->kernel(c->t, (long)item, worker->scratch);
    w->seconds[(size_t)worker->index * (size_t)w->launches + (size_t)launch] += clock_seconds() - start;
}

// Item i of every launch, one launch after another: nothing another item does is needed between.
static void run_chain_item(void *context, int64_t item, const PoolWorker *worker)
{
    const Work *w = context;
    for (int i = 0; i < w->count; i++)
        call(w, w->first + i, item, worker);
}

static void run_group_item(void *context, int64_t item, const PoolWorker *worker)
{
    const Work *w = context;
    int launch = w->first;
    while (item >= w->sequence->calls[launch].items)
        item -= w->sequence->calls[launch++].items;
    call(w, launch, item, worker);
}

static void run_launches(Device *d, const Command *c, int group)
{
    CpuSequence *q = &d->sequences[d->running];
    int launches = d->program->sequences[d->running].launch_count;
    Work w = { .sequence = q, .first = c->first, .count = c->count, .launches = launches };
    if (q->times)
        w.seconds = q->seconds + (size_t)d->first_worker[group] * (size_t)launches;
    if (c->kind == COMMAND_CHAIN) {
        pool_run(d->groups[group], q->calls[c->first].items, run_chain_item, &w);
        return;
    }
    int64_t items = 0;
    for (int i = 0; i < c->count; i++)
        items += q->calls[c->first + i].items;
    pool_run(d->groups[group], items, run_group_item, &w);
}

// --- copies ---------------------------------------------------------------------------------------

static int device_of(const Program *p, int tensor)
{
    return p->buffers[p->tensors[tensor].buffer].device;
}

// A set `stop` goes with every copy: see StepState.
static void hand_on_stop(Device *d, int from, int to)
{
    if (d->states[from] && d->states[to] && __atomic_load_n(&d->states[from]->stop, __ATOMIC_RELAXED))
        __atomic_store_n(&d->states[to]->stop, 1, __ATOMIC_RELAXED);
}

static void run_copy(Device *d, int index, int group)
{
    const Copy *copy = &d->program->sequences[d->running].copies[index];
    const Transfer *t = &d->sequences[d->running].transfers[index];
    void *to = cpu_tensor(d, copy->to);
    if (d->is_poisoning)
        transfer_fill(t, to, QUIET_NAN);
    transfer_run(t, d->groups[group], cpu_tensor(d, copy->from), to);
    hand_on_stop(d, device_of(d->program, copy->from), device_of(d->program, copy->to));
    atomic_fetch_add_explicit(&d->copied, copy->bytes, memory_order_relaxed);
}

// --- waiting --------------------------------------------------------------------------------------

static bool is_done(const Device *d, int command)
{
    return atomic_load(&d->sequences[d->running].done[command]) == d->run;
}

static void await_command(Device *d, int command)
{
    for (int i = 0; i < SPINS; i++) {
        if (is_done(d, command))
            return;
        pool_pause();
    }
    pthread_mutex_lock(&d->mutex);
    atomic_fetch_add(&d->asleep, 1);
    while (!is_done(d, command))
        pthread_cond_wait(&d->advanced, &d->mutex);
    atomic_fetch_sub(&d->asleep, 1);
    pthread_mutex_unlock(&d->mutex);
}

static void report_done(Device *d, int command)
{
    atomic_store(&d->sequences[d->running].done[command], d->run);
    if (!atomic_load(&d->asleep))
        return;
    pthread_mutex_lock(&d->mutex);
    pthread_cond_broadcast(&d->advanced);
    pthread_mutex_unlock(&d->mutex);
}

// --- a run ----------------------------------------------------------------------------------------

static void await_others(Device *d, const Command *c, int group)
{
    const Sequence *s = &d->program->sequences[d->running];
    for (int k = 0; k < c->wait_count; k++)
        if (d->group_of[s->commands[c->waits[k]].device] != group)
            await_command(d, c->waits[k]);
}

static void run_command(Device *d, const Command *c, int group)
{
    if (c->kind == COMMAND_COPY)
        run_copy(d, c->first, group);
    else
        run_launches(d, c, group);
}

static void run_watched(Device *d, const Command *c, int group, CommandTime *time)
{
    double ready = clock_seconds() - d->began;
    *time = (CommandTime){ .ready = ready, .begin = ready };
    if (c->wait_count) {
        await_others(d, c, group);
        time->begin = clock_seconds() - d->began;
    }
    run_command(d, c, group);
    time->end = clock_seconds() - d->began;
}

static void run_group(void *context, int64_t item, const PoolWorker *driver)
{
    Device *d = context;
    int group = (int)item;
    const Sequence *s = &d->program->sequences[d->running];
    CommandTime *watched = d->sequences[d->running].watched;
    (void)driver;
    for (int i = d->part_first; i < d->part_end; i++) {
        const Command *c = &s->commands[i];
        if (d->group_of[c->device] != group)
            continue;
        if (watched) {
            run_watched(d, c, group, &watched[i]);
        } else {
            await_others(d, c, group);
            run_command(d, c, group);
        }
        report_done(d, i);
    }
}

// Received values that have bytes of their own are NaN from the start: a kernel that does not wait
// for its copy shows.
static void poison(Device *d, int sequence)
{
    const Sequence *s = &d->program->sequences[sequence];
    for (int i = 0; i < s->copy_count; i++)
        if (!d->program->buffers[d->program->tensors[s->copies[i].to].buffer].shared)
            transfer_fill(&d->sequences[sequence].transfers[i], cpu_tensor(d, s->copies[i].to),
                          QUIET_NAN);
}

void cpu_enter(Device *d, int sequence)
{
    const Sequence *s = &d->program->sequences[sequence];
    if (d->entered == sequence)
        return;
    d->entered = sequence;
    guards_fill(&d->sequences[sequence].guards, d->arenas);
    for (int i = 0; i < s->zero_count; i++) {
        const Buffer *b = &d->program->buffers[s->zero[i]];
        memset(d->arenas[b->device].base + b->offset, 0, (size_t)b->bytes);
    }
}

static void add_times(Device *d, int sequence)
{
    CpuSequence *q = &d->sequences[sequence];
    int launches = d->program->sequences[sequence].launch_count;
    for (int l = 0; l < launches; l++) {
        for (int w = 0; w < d->workers; w++) {
            double *seconds = &q->seconds[(size_t)w * (size_t)launches + (size_t)l];
            q->times[l].seconds += *seconds;
            *seconds = 0;
        }
        q->times[l].runs++;
    }
}

void cpu_start(Device *d, int sequence)
{
    cpu_enter(d, sequence);
    if (d->is_poisoning)
        poison(d, sequence);
    d->running = sequence;
    d->run++;
}

void cpu_step(Device *d, const Command *c, int launch)
{
    int group = d->group_of[c->device];
    const Command one = { .kind = COMMAND_GROUP, .device = c->device, .first = launch, .count = 1 };
    if (c->kind == COMMAND_COPY)
        run_copy(d, launch, group);
    else
        run_launches(d, &one, group);
}

bool cpu_run_part(Device *d, int sequence, int first, int end, char err[DEVICE_ERROR])
{
    if (sequence < 0 || sequence >= d->program->sequence_count) {
        snprintf(err, DEVICE_ERROR, "there is no sequence %d", sequence);
        return false;
    }
    if (first == 0) {
        cpu_start(d, sequence);
        d->began = clock_seconds();
    }
    d->part_first = first;
    d->part_end = end;
    pool_run(d->drivers, d->group_count, run_group, d);
    if (end == d->program->sequences[sequence].command_count && d->sequences[sequence].times)
        add_times(d, sequence);
    return true;
}

bool cpu_run(Device *d, int sequence, char err[DEVICE_ERROR])
{
    bool is_known = sequence >= 0 && sequence < d->program->sequence_count;
    return cpu_run_part(d, sequence, 0, is_known ? d->program->sequences[sequence].command_count : 0, err);
}
