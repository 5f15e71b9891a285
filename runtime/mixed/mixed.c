// CPUs and GPUs together: each kind runs its half of the program (half.h) through its own device class, on a
// thread of its own. What crosses goes as dense floats through a place of its own in the host's memory: the
// sender leaves it there between two of its commands, the receiver waits for it between two of its own. Both
// go through the crossings in the order of the program, so none waits for ever.
#include "runtime/device.h"
#include "runtime/mixed/half.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 28 };         // of the halves' tables

// A value on its way.
typedef struct { float *dense; int64_t bytes; bool is_there, stops; } Parcel;

typedef struct {
    Crossings   crossings;
    Parcel     *parcels;               // by crossing
    LaunchTime *times;                 // the caller's; NULL: no profile
    LaunchTime *own[KINDS];            // by launch of the half
} MixedSequence;

typedef struct {
    const DeviceClass *class;
    Device            *device;
    Half               half;
    StepState          state;          // of the run under way
    char               err[DEVICE_ERROR];
} Side;

struct Device {
    const Program  *program;
    Arena           arena;
    jmp_buf         exhausted;
    Side            sides[KINDS];
    MixedSequence  *sequences;
    ParamRates     *rates;
    int             running;           // sequence under way
    bool            has_failed;        // one side did, in the run under way
    int64_t         crossed;           // bytes
    pthread_mutex_t mutex;             // of parcels and has_failed
    pthread_cond_t  arrived;
};

static bool fail(char *err, const char *what)
{
    snprintf(err, DEVICE_ERROR, "%s", what);
    return false;
}

// --- opening --------------------------------------------------------------------------------------

static bool open_sequence(Device *d, int index, char *err)
{
    MixedSequence *q = &d->sequences[index];
    const Sequence *s = &d->program->sequences[index];
    q->crossings = half_crossings(d->program, index, &d->arena);
    q->parcels = ARENA_ARRAY(&d->arena, Parcel, q->crossings.count + 1);
    for (int k = 0; k < KINDS; k++)
        q->own[k] = ARENA_ARRAY(&d->arena, LaunchTime, s->launch_count + 1);
    for (int i = 0; i < q->crossings.count; i++) {
        const Copy *copy = &s->copies[q->crossings.list[i].copy];
        Parcel *p = &q->parcels[i];
        p->bytes = copy->bytes;
        p->dense = malloc((size_t)shape_count(d->program->tensors[copy->from].shape) * sizeof *p->dense);
        if (!p->dense)
            return fail(err, "out of memory for what crosses between CPU and GPU");
    }
    return true;
}

static bool open_side(Device *d, Kind kind, const DeviceOptions *o, char *err)
{
    Side *s = &d->sides[kind];
    DeviceOptions own = *o;
    int map[PROGRAM_DEVICES];
    half_make(&s->half, d->program, kind, &d->arena);
    own.map = map;
    own.count = 1;
    for (int i = 0; i < d->program->device_count; i++) {
        int device = s->half.device[i];
        if (device < 0)
            continue;
        map[device] = o->map[i];
        own.count = o->map[i] >= own.count ? o->map[i] + 1 : own.count;
    }
    s->class = kind == KIND_CPU ? &device_cpu : &device_cuda;
    s->device = s->class->open(&s->half.program, &own, err);
    return s->device != NULL;
}

static bool open_device(Device *d, const DeviceOptions *o, char *err)
{
    arena_open(&d->arena, MOST_BYTES, &d->exhausted);
    if (setjmp(d->exhausted))
        return fail(err, "out of memory");
    d->sequences = ARENA_ARRAY(&d->arena, MixedSequence, d->program->sequence_count);
    d->rates = ARENA_ARRAY(&d->arena, ParamRates, d->program->param_count + 1);
    for (int i = 0; i < d->program->sequence_count; i++)
        if (!open_sequence(d, i, err))
            return false;
    return open_side(d, KIND_CPU, o, err) && open_side(d, KIND_CUDA, o, err);
}

static void mixed_close(Device *d)
{
    for (int k = 0; k < KINDS; k++)
        if (d->sides[k].device)
            d->sides[k].class->close(d->sides[k].device);
    for (int i = 0; d->sequences && i < d->program->sequence_count; i++)
        for (int k = 0; d->sequences[i].parcels && k < d->sequences[i].crossings.count; k++)
            free(d->sequences[i].parcels[k].dense);
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->arrived);
    arena_close(&d->arena);
    free(d);
}

static Device *mixed_open(const Program *p, const DeviceOptions *o, char err[DEVICE_ERROR])
{
    Device *d = calloc(1, sizeof *d);
    if (!d) {
        fail(err, "out of memory");
        return NULL;
    }
    d->program = p;
    pthread_mutex_init(&d->mutex, NULL);
    pthread_cond_init(&d->arrived, NULL);
    if (open_device(d, o, err))
        return d;
    mixed_close(d);
    return NULL;
}

// --- the host's view ------------------------------------------------------------------------------

// Whose a tensor is, and its index there.
static Side *side_of(Device *d, int tensor, int *own, char *err)
{
    for (int k = 0; k < KINDS && tensor >= 0 && tensor < d->program->tensor_count; k++)
        if ((*own = d->sides[k].half.tensor[tensor]) >= 0)
            return &d->sides[k];
    fail(err, "no such tensor");
    return NULL;
}

static bool mixed_write(Device *d, int tensor, const float *dense, char err[DEVICE_ERROR])
{
    int own;
    Side *s = side_of(d, tensor, &own, err);
    return s && s->class->write(s->device, own, dense, err);
}

static bool mixed_read(Device *d, int tensor, float *dense, char err[DEVICE_ERROR])
{
    int own;
    Side *s = side_of(d, tensor, &own, err);
    return s && s->class->read(s->device, own, dense, err);
}

static bool mixed_write_labels(Device *d, int tensor, const int32_t *labels, char err[DEVICE_ERROR])
{
    int own;
    Side *s = side_of(d, tensor, &own, err);
    return s && s->class->write_labels(s->device, own, labels, err);
}

static void mixed_enter(Device *d, int sequence)
{
    for (int k = 0; k < KINDS; k++)
        d->sides[k].class->enter(d->sides[k].device, sequence);
}

static void mixed_set_state(Device *d, const StepState *state, const ParamRates *rates)
{
    memcpy(d->rates, rates, (size_t)d->program->param_count * sizeof *rates);
    for (int k = 0; k < KINDS; k++)
        d->sides[k].state = *state;
}

static bool mixed_stopped(Device *d)
{
    return d->sides[KIND_CPU].state.stop || d->sides[KIND_CUDA].state.stop;
}

// --- what crosses ---------------------------------------------------------------------------------

static bool send(Device *d, Side *s, const Crossing *x, Parcel *p)
{
    const Copy *copy = &d->program->sequences[d->running].copies[x->copy];
    if (!s->class->read(s->device, s->half.tensor[copy->from], p->dense, s->err))
        return false;
    pthread_mutex_lock(&d->mutex);
    p->stops = s->state.stop;
    p->is_there = true;
    d->crossed += p->bytes;
    pthread_cond_broadcast(&d->arrived);
    pthread_mutex_unlock(&d->mutex);
    return true;
}

// Waits for what the other side sends; false without a word if that one has failed.
static bool receive(Device *d, Side *s, const Crossing *x, Parcel *p)
{
    const Copy *copy = &d->program->sequences[d->running].copies[x->copy];
    pthread_mutex_lock(&d->mutex);
    while (!p->is_there && !d->has_failed)
        pthread_cond_wait(&d->arrived, &d->mutex);
    bool is_there = p->is_there;
    s->state.stop |= p->stops;
    p->is_there = false;
    pthread_mutex_unlock(&d->mutex);
    return is_there && s->class->write(s->device, s->half.tensor[copy->to], p->dense, s->err);
}

// --- running --------------------------------------------------------------------------------------

// Part of a half, by run_part or walk_part of its class.
typedef bool RunPart(Device *d, Kind kind, int first, int end, void *context);

static bool run_part(Device *d, Kind kind, int first, int end, void *context)
{
    Side *s = &d->sides[kind];
    (void)context;
    return s->class->run_part(s->device, d->running, first, end, s->err);
}

// Runs commands first..end-1 of a half. What a loss kernel has found holds for all that follow.
static bool go_on(Device *d, Kind kind, int first, int end, RunPart *part, void *context)
{
    Side *s = &d->sides[kind];
    if (first == end)
        return true;
    s->class->set_state(s->device, &s->state, d->rates);
    bool good = part(d, kind, first, end, context);
    s->state.stop |= s->class->stopped(s->device);
    return good;
}

static bool run_half(Device *d, Kind kind)
{
    const MixedSequence *q = &d->sequences[d->running];
    Side *s = &d->sides[kind];
    int done = 0;
    for (int i = 0; i < q->crossings.count; i++) {
        const Crossing *x = &q->crossings.list[i];
        if (!go_on(d, kind, done, x->before[kind], run_part, NULL))
            return false;
        done = x->before[kind];
        if (!(x->from == kind ? send : receive)(d, s, x, &q->parcels[i]))
            return false;
    }
    return go_on(d, kind, done, s->half.program.sequences[d->running].command_count, run_part, NULL);
}

static void run_side(Device *d, Kind kind)
{
    if (run_half(d, kind))
        return;
    pthread_mutex_lock(&d->mutex);
    d->has_failed = true;
    pthread_cond_broadcast(&d->arrived);
    pthread_mutex_unlock(&d->mutex);
}

static void *run_cuda(void *context)
{
    run_side(context, KIND_CUDA);
    return NULL;
}

static void begin(Device *d, int sequence)
{
    MixedSequence *q = &d->sequences[sequence];
    mixed_enter(d, sequence);
    d->running = sequence;
    d->has_failed = false;
    for (int k = 0; k < KINDS; k++)
        d->sides[k].err[0] = 0;
    for (int i = 0; i < q->crossings.count; i++)
        q->parcels[i].is_there = q->parcels[i].stops = false;
}

// Who failed says why; the other one only gave up.
static bool end(Device *d, char *err)
{
    for (int k = KINDS - 1; k >= 0; k--)
        if (d->has_failed && d->sides[k].err[0])
            return fail(err, d->sides[k].err);
    return !d->has_failed;
}

static void add_times(Device *d, int sequence)
{
    MixedSequence *q = &d->sequences[sequence];
    for (int k = 0; k < KINDS && q->times; k++) {
        const Half *h = &d->sides[k].half;
        for (int i = 0; i < h->program.sequences[sequence].launch_count; i++) {
            LaunchTime *of_whole = &q->times[h->launches[sequence][i]];
            of_whole->seconds += q->own[k][i].seconds;
            of_whole->runs += q->own[k][i].runs;
            q->own[k][i] = (LaunchTime){ 0, 0 };
        }
    }
}

static bool is_sequence(const Device *d, int sequence, char *err)
{
    if (sequence >= 0 && sequence < d->program->sequence_count)
        return true;
    snprintf(err, DEVICE_ERROR, "there is no sequence %d", sequence);
    return false;
}

static bool mixed_run(Device *d, int sequence, char err[DEVICE_ERROR])
{
    pthread_t thread;
    if (!is_sequence(d, sequence, err))
        return false;
    begin(d, sequence);
    if (pthread_create(&thread, NULL, run_cuda, d) != 0)
        return fail(err, "a thread for the GPUs cannot be started");
    run_side(d, KIND_CPU);
    pthread_join(thread, NULL);
    add_times(d, sequence);
    return end(d, err);
}

// --- one by one -----------------------------------------------------------------------------------

typedef struct { const Half *half; int sequence; DeviceMade *made; void *context; bool ended; } Walk;

// A half's launch or copy is done: asks about the whole's.
static bool ask(void *context, bool is_copy, int index)
{
    Walk *w = context;
    const int *of_whole = (is_copy ? w->half->copies : w->half->launches)[w->sequence];
    w->ended = !w->made(w->context, is_copy, of_whole[index]);
    return !w->ended;
}

static bool walk_half_part(Device *d, Kind kind, int first, int end, void *context)
{
    Side *s = &d->sides[kind];
    Walk *w = context;
    w->half = &s->half;
    return s->class->walk_part(s->device, d->running, first, end, ask, w, s->err);
}

static bool walk_both(Device *d, Walk *w)
{
    const MixedSequence *q = &d->sequences[d->running];
    int done[KINDS] = { 0 };
    for (int i = 0; i <= q->crossings.count; i++) {
        const Crossing *x = i < q->crossings.count ? &q->crossings.list[i] : NULL;
        for (int k = 0; k < KINDS && !w->ended; k++) {
            int to = x ? x->before[k] : d->sides[k].half.program.sequences[d->running].command_count;
            if (!go_on(d, (Kind)k, done[k], to, walk_half_part, w))
                return false;
            done[k] = to;
        }
        if (!x || w->ended)
            return true;
        Side *from = &d->sides[x->from], *to = &d->sides[x->from == KIND_CPU ? KIND_CUDA : KIND_CPU];
        if (!send(d, from, x, &q->parcels[i]) || !receive(d, to, x, &q->parcels[i]))
            return false;
        w->ended = !w->made(w->context, true, x->copy);
    }
    return true;
}

// Parts of the whole sequence are asked for by nobody: it is walked to its end.
static bool mixed_walk_part(Device *d, int sequence, int first, int last, DeviceMade *made, void *context,
                            char err[DEVICE_ERROR])
{
    Walk w = { .sequence = sequence, .made = made, .context = context };
    if (!is_sequence(d, sequence, err))
        return false;
    if (first != 0 || last != d->program->sequences[sequence].command_count)
        return fail(err, "a sequence of several kinds of devices is walked as a whole");
    begin(d, sequence);
    d->has_failed = !walk_both(d, &w);
    return end(d, err);
}

static bool mixed_run_part(Device *d, int sequence, int first, int last, char err[DEVICE_ERROR])
{
    if (is_sequence(d, sequence, err)
        && (first != 0 || last != d->program->sequences[sequence].command_count))
        return fail(err, "a sequence of several kinds of devices is run as a whole");
    return mixed_run(d, sequence, err);
}

// --- what is told ---------------------------------------------------------------------------------

static bool mixed_has_failed(const Device *d)
{
    return d->sides[KIND_CPU].class->has_failed(d->sides[KIND_CPU].device)
        || d->sides[KIND_CUDA].class->has_failed(d->sides[KIND_CUDA].device);
}

static int64_t mixed_copied_bytes(const Device *d)
{
    return d->crossed + d->sides[KIND_CPU].class->copied_bytes(d->sides[KIND_CPU].device)
         + d->sides[KIND_CUDA].class->copied_bytes(d->sides[KIND_CUDA].device);
}

static const char *mixed_way(const Device *d, int from, int to)
{
    for (int k = 0; k < KINDS; k++) {
        const Side *s = &d->sides[k];
        if (s->half.device[from] >= 0 && s->half.device[to] >= 0)
            return s->class->way(s->device, s->half.device[from], s->half.device[to]);
    }
    return "as dense floats through the host's memory";
}

static void mixed_poison(Device *d, bool on)
{
    for (int k = 0; k < KINDS; k++)
        d->sides[k].class->poison(d->sides[k].device, on);
}

static bool mixed_check_guards(Device *d, char err[DEVICE_ERROR])
{
    return d->sides[KIND_CPU].class->check_guards(d->sides[KIND_CPU].device, err)
        && d->sides[KIND_CUDA].class->check_guards(d->sides[KIND_CUDA].device, err);
}

static void mixed_profile(Device *d, int sequence, LaunchTime *times)
{
    MixedSequence *q = &d->sequences[sequence];
    q->times = times;
    for (int k = 0; k < KINDS; k++)
        d->sides[k].class->profile(d->sides[k].device, sequence, times ? q->own[k] : NULL);
}

const DeviceClass device_mixed = {
    .name = "mixed",
    .open = mixed_open,
    .close = mixed_close,
    .enter = mixed_enter,
    .write = mixed_write,
    .read = mixed_read,
    .write_labels = mixed_write_labels,
    .set_state = mixed_set_state,
    .stopped = mixed_stopped,
    .run = mixed_run,
    .run_part = mixed_run_part,
    .walk_part = mixed_walk_part,
    .has_failed = mixed_has_failed,
    .copied_bytes = mixed_copied_bytes,
    .way = mixed_way,
    .poison = mixed_poison,
    .check_guards = mixed_check_guards,
    .profile = mixed_profile,
};
