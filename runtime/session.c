// A program bound to a device: parameters by logical value, runs, and values by name.
#include "runtime/session.h"
#include "runtime/initial.h"
#include "runtime/pool.h"
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

struct Session {
    const Program     *program;
    const DeviceClass *class;
    Device            *device;
    ParamRates        *rates;              // by parameter
    float             *sums;               // room for the loss or a metric of a batch
    uint64_t           seed, step;
    bool               has_run;            // velocities may differ from 0
    int                map[PROGRAM_DEVICES];           // how the device is opened
    DeviceOptions      options;
};

static bool fail(char *err, const char *fmt, const char *name)
{
    snprintf(err, SESSION_ERROR, fmt, name);
    return false;
}

// --- opening --------------------------------------------------------------------------------------

int session_images(const Session *s, int sequence)
{
    const Sequence *q = &s->program->sequences[sequence];
    return q->batch * q->accumulate;
}

// The largest port that is summed up: a number or a few per image.
static int64_t most_sums(const Program *p)
{
    int64_t most = 1;
    for (int i = 0; i < p->sequence_count; i++)
        most = p->sequences[i].batch > most ? p->sequences[i].batch : most;
    return most;
}

static const DeviceClass *class_for(const Program *p)
{
    bool on_gpus = session_runs_on_gpus(p), on_cpus = session_runs_on_cpus(p);
    return on_gpus && on_cpus ? &device_mixed : on_gpus ? &device_cuda : &device_cpu;
}

static bool open_session(Session *s, const SessionOptions *o, char *err)
{
    const Program *p = s->program;
    int physical;
    s->class = class_for(p);
    s->seed = o->seed;
    s->rates = calloc((size_t)p->param_count + 1, sizeof *s->rates);
    s->sums = calloc((size_t)most_sums(p), sizeof *s->sums);
    if (!s->rates || !s->sums)
        return fail(err, "%s", "out of memory");
    if (!session_parse_map(p, o->map, s->map, &physical, err))
        return false;
    s->options = (DeviceOptions){ .map = s->map, .count = physical, .threads = o->threads,
                                  .no_graphs = o->no_graphs, .no_peers = o->no_peers,
                                  .one_by_one = o->one_by_one };
    return session_restart(s, err);
}

bool session_restart(Session *s, char *err)
{
    if (s->device)
        s->class->close(s->device);
    s->has_run = false;
    s->step = 0;
    s->device = s->class->open(s->program, &s->options, err);
    return s->device && session_initialise(s, s->seed, err);
}

Session *session_open(const Program *p, const SessionOptions *o, char err[SESSION_ERROR])
{
    Session *s = calloc(1, sizeof *s);
    if (!s) {
        fail(err, "%s", "out of memory");
        return NULL;
    }
    s->program = p;
    if (open_session(s, o, err))
        return s;
    session_close(s);
    return NULL;
}

void session_close(Session *s)
{
    if (!s)
        return;
    if (s->device)
        s->class->close(s->device);
    free(s->rates);
    free(s->sums);
    free(s);
}

const Program     *session_program(const Session *s) { return s->program; }
Device            *session_device(Session *s) { return s->device; }
const DeviceClass *session_device_class(const Session *s) { return s->class; }

// --- parameters -----------------------------------------------------------------------------------

int session_find_param(const Session *s, const char *name)
{
    for (int i = 0; i < s->program->param_count; i++)
        if (!strcmp(s->program->params[i].name, name))
            return i;
    return -1;
}

// The dense values of a part: rows (of a bias: channels) follow one another.
static int64_t part_offset(const ProgramParam *p, const ParamPart *part)
{
    int64_t rows = p->shape.n == 1 && p->is_bias ? p->shape.c : p->shape.n;
    return shape_count(p->shape) / rows * part->first_row;
}

// Reads (`to`) or writes (`from`) all parts of a parameter or its velocity.
static bool move_param(Session *s, int param, bool velocity, const float *from, float *to, char *err)
{
    if (param < 0 || param >= s->program->param_count)
        return fail(err, "%s", "there is no such parameter");
    const ProgramParam *p = &s->program->params[param];
    for (int i = 0; i < p->part_count; i++) {
        int tensor = velocity ? p->parts[i].velocity : p->parts[i].tensor;
        int64_t offset = part_offset(p, &p->parts[i]);
        if (tensor < 0)
            return fail(err, "%.100s has no velocity in this program", p->name);
        if (!(to ? s->class->read(s->device, tensor, to + offset, err)
                 : s->class->write(s->device, tensor, from + offset, err)))
            return false;
    }
    return true;
}

bool session_read_param(Session *s, int param, float *dense, char *err)
{
    return move_param(s, param, false, NULL, dense, err);
}

bool session_write_param(Session *s, int param, const float *dense, char *err)
{
    return move_param(s, param, false, dense, NULL, err);
}

bool session_read_velocity(Session *s, int param, float *dense, char *err)
{
    return move_param(s, param, true, NULL, dense, err);
}

bool session_write_velocity(Session *s, int param, const float *dense, char *err)
{
    s->has_run = true;
    return move_param(s, param, true, dense, NULL, err);
}

float session_initial_value(const ProgramParam *p, uint64_t seed, int64_t index)
{
    float value;
    initial_fill(p, seed, index, 1, &value);
    return value;
}

// --- initial values -------------------------------------------------------------------------------

enum { PIECE = 1 << 16 };                      // elements a thread draws at a time

typedef struct { const ProgramParam *param; uint64_t seed; float *values; } Draw;

static void draw_piece(void *context, int64_t piece, const PoolWorker *worker)
{
    const Draw *d = context;
    int64_t first = piece * PIECE, left = shape_count(d->param->shape) - first;
    (void)worker;
    initial_fill(d->param, d->seed, first, left < PIECE ? left : PIECE, d->values + first);
}

static bool initialise_param(Session *s, Pool *pool, int index, uint64_t seed, char *err)
{
    const ProgramParam *p = &s->program->params[index];
    size_t count = (size_t)shape_count(p->shape);
    float *values = calloc(count, sizeof *values);
    if (!values)
        return fail(err, "no memory for the values of %.100s", p->name);
    bool good = true;
    if (s->has_run && p->part_count && p->parts[0].velocity >= 0)
        good = move_param(s, index, true, values, NULL, err);      // zeros
    Draw draw = { p, seed, values };
    pool_run(pool, ((int64_t)count + PIECE - 1) / PIECE, draw_piece, &draw);
    good = good && session_write_param(s, index, values, err);
    free(values);
    return good;
}

bool session_initialise(Session *s, uint64_t seed, char *err)
{
    cpu_set_t set;
    Pool *pool = pool_open(sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set), 0);
    if (!pool)
        return fail(err, "%s", "threads cannot be started");
    bool good = true;
    for (int i = 0; i < s->program->param_count && good; i++)
        good = initialise_param(s, pool, i, seed, err);
    pool_close(pool);
    s->has_run = s->has_run && !good;
    return good;
}

// --- state ----------------------------------------------------------------------------------------

void session_set_rates(Session *s, const ParamRates *rates)
{
    memcpy(s->rates, rates, (size_t)s->program->param_count * sizeof *rates);
}

void     session_set_step(Session *s, uint64_t step) { s->step = step; }
uint64_t session_step(const Session *s) { return s->step; }
void     session_set_seed(Session *s, uint64_t seed) { s->seed = seed; }
uint64_t session_seed(const Session *s) { return s->seed; }

// --- running --------------------------------------------------------------------------------------

int session_find_sequence(const Session *s, SequenceKind kind, int batch)
{
    for (int i = 0; i < s->program->sequence_count; i++) {
        const Sequence *q = &s->program->sequences[i];
        if (q->kind == kind && (batch == 0 || q->batch == batch))
            return i;
    }
    return -1;
}

static bool is_label(const ProgramPort *p) { return !strcmp(p->name, "label"); }

// `run`: which batch of the step's images.
static bool write_port(Session *s, const ProgramPort *p, int64_t run, const float *dense,
                       const int32_t *labels, char *err)
{
    int64_t item = shape_item(p->shape);
    dense += dense ? run * shape_count(p->shape) : 0;
    labels += labels ? run * p->shape.n : 0;
    for (int i = 0; i < PROGRAM_PORT_TENSORS && p->tensors[i] >= 0; i++)
        if (!(labels ? s->class->write_labels(s->device, p->tensors[i], labels + p->first[i], err)
                     : s->class->write(s->device, p->tensors[i], dense + p->first[i] * item, err)))
            return false;
    return true;
}

static bool write_inputs(Session *s, const Sequence *q, int run, const float *const *inputs,
                         const int32_t *labels, char *err)
{
    int image = 0;
    for (int i = 0; i < q->input_count; i++) {
        const ProgramPort *p = &q->inputs[i];
        if (is_label(p)) {
            if (labels && !write_port(s, p, run, NULL, labels, err))
                return false;
            continue;
        }
        const float *dense = inputs ? inputs[image] : NULL;
        image++;
        if (dense && !write_port(s, p, run, dense, NULL, err))
            return false;
    }
    return true;
}

static int count_images(const int32_t *labels, int images)
{
    int count = 0;
    for (int i = 0; i < images; i++)
        count += !labels || labels[i] != -1;
    return count;
}

// Adds to `sum` a port that holds one number an image. A name that is no port adds nothing.
static bool sum_port(Session *s, int sequence, const char *name, double *sum, char *err)
{
    int port = session_find_output(s, sequence, name);
    if (port < 0)
        return true;
    Shape shape = s->program->sequences[sequence].outputs[port].shape;
    if (shape_count(shape) > most_sums(s->program))
        return fail(err, "output %.100s is not one number an image", name);
    if (!session_read_output(s, sequence, port, s->sums, err))
        return false;
    for (int64_t i = 0; i < shape_count(shape); i++)
        *sum += s->sums[i];
    return true;
}

static bool read_result(Session *s, int sequence, SessionResult *r, char *err)
{
    const TrainRecipe *t = &s->program->recipe.train;
    if (!sum_port(s, sequence, "loss", &r->loss, err))
        return false;
    for (int i = 0; i < t->metric_count && i < SESSION_METRICS; i++) {
        if (t->metrics[i].kind == METRIC_LOSS)
            r->metrics[i] = r->loss;
        else if (!sum_port(s, sequence, t->metrics[i].name, &r->metrics[i], err))
            return false;
    }
    r->stopped = s->class->stopped(s->device);
    return true;
}

// The batches of a step draw apart, the first as a step of one does.
static uint64_t seed_of(const Session *s, int run)
{
    return s->seed + (uint64_t)run * 0x9e3779b97f4a7c15u;
}

// Everything that a run of the sequence begins with; `run` counts the batches of a step.
static bool prepare(Session *s, int sequence, int run, const float *const *inputs, const int32_t *labels,
                    char *err)
{
    const Sequence *q = &s->program->sequences[sequence];
    const int32_t *own = labels ? labels + (int64_t)run * q->batch : NULL;
    StepState state = { .seed = seed_of(s, run), .step = s->step, .images = count_images(own, q->batch),
                        .first = run == 0, .last = run + 1 == q->accumulate };
    s->class->enter(s->device, sequence);
    if (!write_inputs(s, q, run, inputs, labels, err))
        return false;
    s->class->set_state(s->device, &state, s->rates);
    return true;
}

bool session_run_batch(Session *s, int sequence, int run, const float *const *inputs, const int32_t *labels,
                       char *err)
{
    const Sequence *q = &s->program->sequences[sequence];
    s->has_run = true;
    if (!prepare(s, sequence, run, inputs, labels, err) || !s->class->run(s->device, sequence, err))
        return false;
    s->step += q->kind == SEQUENCE_TRAIN && run + 1 == q->accumulate && !s->class->stopped(s->device);
    return true;
}

bool session_run(Session *s, int sequence, const float *const *inputs, const int32_t *labels,
                 SessionResult *result, char *err)
{
    if (sequence < 0 || sequence >= s->program->sequence_count)
        return fail(err, "%s", "there is no such sequence in the program");
    const Sequence *q = &s->program->sequences[sequence];
    bool stopped = false;
    if (result)
        *result = (SessionResult){ .images = count_images(labels, session_images(s, sequence)) };
    for (int run = 0; run < q->accumulate && !stopped; run++) {
        if (!session_run_batch(s, sequence, run, inputs, labels, err)
            || (result && !read_result(s, sequence, result, err)))
            return false;
        stopped = s->class->stopped(s->device);
        if (result)
            result->run = run;
    }
    return true;
}

// --- values that are not finite -------------------------------------------------------------------

static bool all_finite(const float *x, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

bool session_bad_param(Session *s, int *bad, char *err)
{
    *bad = -1;
    for (int i = 0; i < s->program->param_count; i++) {
        int64_t count = shape_count(s->program->params[i].shape);
        float *values = malloc((size_t)count * sizeof *values);
        bool good = values ? session_read_param(s, i, values, err) : fail(err, "%s", "out of memory");
        if (good && !all_finite(values, count))
            *bad = i;
        free(values);
        if (!good || *bad >= 0)
            return good;
    }
    return true;
}

static const char *bad_input(const Sequence *q, const float *const *inputs)
{
    for (int i = 0, image = 0; i < q->input_count; i++)
        if (!is_label(&q->inputs[i])) {
            const float *dense = inputs[image++];
            if (dense && !all_finite(dense, q->accumulate * shape_count(q->inputs[i].shape)))
                return q->inputs[i].name;
        }
    return NULL;
}

// What a walk looks for: the first launch that wrote a value that is not finite.
typedef struct {
    Session *s;
    int      sequence, launch, tensor;         // -1: not found yet
    char    *err;
    bool     failed;
} Search;

static bool is_finite(Search *f, int tensor, bool *finite)
{
    const Program *p = f->s->program;
    const Tensor *t = &p->tensors[tensor];
    BufferRole role = p->buffers[t->buffer].role;
    *finite = true;
    if (t->is_bytes || role == BUFFER_STATE || role == BUFFER_LABEL)
        return true;
    int64_t count = shape_count(t->shape);
    float *dense = malloc((size_t)count * sizeof *dense);
    if (!dense)
        return fail(f->err, "%s", "out of memory");
    bool good = f->s->class->read(f->s->device, tensor, dense, f->err);
    *finite = !good || all_finite(dense, count);
    free(dense);
    return good;
}

static bool look_at_launch(void *context, bool is_copy, int index)
{
    Search *f = context;
    if (is_copy)
        return true;
    const Launch *l = &f->s->program->sequences[f->sequence].launches[index];
    for (int i = l->tensor_count - l->writes; i < l->tensor_count; i++) {
        bool finite;
        if (!is_finite(f, l->tensors[i], &finite)) {
            f->failed = true;
            return false;
        }
        if (!finite) {
            f->launch = index;
            f->tensor = l->tensors[i];
            return false;
        }
    }
    return true;
}

// The whole sequence, one command after the other.
static bool walk(Session *s, int sequence, DeviceMade *made, void *context, char *err)
{
    int commands = s->program->sequences[sequence].command_count;
    return s->class->walk_part(s->device, sequence, 0, commands, made, context, err);
}

bool session_trace(Session *s, int sequence, const float *const *inputs, const int32_t *labels,
                   SessionTrace *trace, char *err)
{
    const Program *p = s->program;
    const Sequence *q = &p->sequences[sequence];
    int param;
    if (!session_bad_param(s, &param, err))
        return false;
    *trace = (SessionTrace){ .what = bad_input(q, inputs) };
    if (!trace->what && param >= 0)
        *trace = (SessionTrace){ .what = p->params[param].name, .is_param = true };
    if (trace->what)
        return true;
    Search f = { s, sequence, -1, -1, err, false };
    for (int run = 0; run < q->accumulate && f.tensor < 0; run++)
        if (!prepare(s, sequence, run, inputs, labels, err)
            || !walk(s, sequence, look_at_launch, &f, err) || f.failed)
            return false;
    if (f.tensor >= 0)
        *trace = (SessionTrace){ .what = p->tensors[f.tensor].name, .launch = &q->launches[f.launch] };
    return true;
}

bool session_walk(Session *s, int sequence, int run, const float *const *inputs, const int32_t *labels,
                  DeviceMade *made, void *context, char *err)
{
    s->has_run = true;
    return prepare(s, sequence, run, inputs, labels, err) && walk(s, sequence, made, context, err);
}

int session_find_output(const Session *s, int sequence, const char *name)
{
    const Sequence *q = &s->program->sequences[sequence];
    for (int i = 0; i < q->output_count; i++)
        if (!strcmp(q->outputs[i].name, name))
            return i;
    return -1;
}

bool session_read_output(Session *s, int sequence, int port, float *dense, char *err)
{
    return s->class->read(s->device, s->program->sequences[sequence].outputs[port].tensors[0], dense, err);
}

// --- what devices tell ----------------------------------------------------------------------------

int64_t session_copied_bytes(const Session *s) { return s->class->copied_bytes(s->device); }
bool    session_check_guards(Session *s, char *err) { return s->class->check_guards(s->device, err); }
void    session_poison(Session *s, bool on) { s->class->poison(s->device, on); }
