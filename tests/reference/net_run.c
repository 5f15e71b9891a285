// In the first, third and fifth step momentum and decay are 0 and the rate is a power of two, so that a
// velocity is the gradient, bit by bit, also where an update is fused with the sum that it needs.
#include "reference/net_run.h"
#include "runtime/initial.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Session       *s;
    const Program *program;
    int            sequence, capacity;
    float         *images, *room;
    int32_t       *labels;
    ParamRates    *rates;
    NetRun        *to;
    char          *err;
} Runner;

static uint64_t bits_of(const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

static bool keep(Runner *r, const char *name, const char *suffix, int step, const void *at, size_t size)
{
    NetRun *to = r->to;
    if (to->count == r->capacity) {
        int capacity = r->capacity ? 2 * r->capacity : 256;
        NetValue *list = realloc(to->values, (size_t)capacity * sizeof *list);
        if (!list)
            return false;
        to->values = list;
        r->capacity = capacity;
    }
    NetValue *v = &to->values[to->count++];
    v->step = step;
    v->bits = bits_of(at, size);
    snprintf(v->name, sizeof v->name, "%.70s%s", name, suffix);
    return true;
}

static bool keep_params(Runner *r, int step)
{
    bool good = true;
    for (int i = 0; i < r->program->param_count && good; i++) {
        const ProgramParam *p = &r->program->params[i];
        size_t size = (size_t)shape_count(p->shape) * sizeof(float);
        const char *word = step % 2 ? "'s velocity" : "'s gradient";
        good = session_read_param(r->s, i, r->room, r->err) && keep(r, p->name, "", step, r->room, size)
            && session_read_velocity(r->s, i, r->room, r->err)
            && keep(r, p->name, word, step, r->room, size);
    }
    return good;
}

static bool keep_tensor(Runner *r, const char *name, int step)
{
    Shape shape;
    if (!session_tensor_shape(r->s, r->sequence, name, &shape))
        return true;
    size_t size = (size_t)shape_count(shape) * sizeof(float);
    return session_read_tensor(r->s, r->sequence, name, r->room, r->err)
        && keep(r, name, "", step, r->room, size);
}

static bool keep_tensors(Runner *r, int step)
{
    const Sequence *q = &r->program->sequences[r->sequence];
    bool good = true;
    for (int i = 0; i < q->output_count && good; i++)
        good = keep_tensor(r, q->outputs[i].name, step);
    for (int i = 0; i < q->named_count && good; i++)
        good = keep_tensor(r, r->program->tensors[q->named[i]].name, step);
    return good;
}

static void set_step(Runner *r, int classes, int step)
{
    const Sequence *q = &r->program->sequences[r->sequence];
    const ProgramParam draw = { .name = "images", .fill = FILL_GAUSSIAN, .fill_value = 1 };
    initial_fill(&draw, (uint64_t)step, 0, shape_count(q->inputs[0].shape), r->images);
    for (int i = 0; i < q->batch; i++)
        r->labels[i] = i == 1 ? -1 : (i * 7 + step) % classes;
    for (int i = 0; i < r->program->param_count; i++)
        r->rates[i] = (ParamRates){ .lr = 0.0078125f, .momentum = step % 2 ? 0.9f : 0,
                                    .decay = step % 2 ? 0.001f : 0 };
    session_set_rates(r->s, r->rates);
}

static bool run_step(Runner *r, int classes, int step)
{
    const float *inputs[] = { r->images };
    SessionResult result;
    set_step(r, classes, step);
    if (!session_run(r->s, r->sequence, inputs, r->labels, &result, r->err)
        || !session_check_guards(r->s, r->err))
        return false;
    r->to->loss[step] = result.loss;
    if (result.stopped || !isfinite(result.loss)) {
        snprintf(r->err, SESSION_ERROR, "the loss of step %d is %g", step, result.loss);
        return false;
    }
    return keep_params(r, step);
}

static int64_t largest(const Program *p)
{
    int64_t most = 1;
    for (int i = 0; i < p->param_count; i++)
        most = shape_count(p->params[i].shape) > most ? shape_count(p->params[i].shape) : most;
    for (int i = 0; i < p->tensor_count; i++) {           // of which PROGRAM_DEVICES parts may be read as one
        int64_t count = PROGRAM_DEVICES * shape_count(p->tensors[i].shape);
        most = count > most ? count : most;
    }
    return most;
}

static bool run_steps(Runner *r, int classes)
{
    const Sequence *q = &r->program->sequences[r->sequence];
    r->images = calloc((size_t)shape_count(q->inputs[0].shape), sizeof *r->images);
    r->room = calloc((size_t)largest(r->program), sizeof *r->room);
    r->labels = calloc((size_t)q->batch, sizeof *r->labels);
    r->rates = calloc((size_t)r->program->param_count + 1, sizeof *r->rates);
    bool good = r->images && r->room && r->labels && r->rates;
    for (int step = 0; step < NET_RUN_STEPS && good; step++)
        good = run_step(r, classes, step);
    r->to->own = r->to->count;
    return good && keep_tensors(r, NET_RUN_STEPS - 1);
}

bool net_run(const Compilation *c, const NetWay *way, int classes, NetRun *to, char err[SESSION_ERROR])
{
    SessionOptions o = { .map = way->map, .threads = way->threads, .seed = 3 };
    Runner r = { .program = c->program, .to = to, .err = err };
    *to = (NetRun){ 0 };
    snprintf(err, SESSION_ERROR, "out of memory");
    r.s = session_open(c->program, &o, err);
    if (!r.s)
        return false;
    r.sequence = session_find_sequence(r.s, SEQUENCE_TRAIN, 0);
    session_poison(r.s, way->poison);
    bool good = run_steps(&r, classes);
    to->copied = session_copied_bytes(r.s);
    session_close(r.s);
    free(r.images);
    free(r.room);
    free(r.labels);
    free(r.rates);
    return good;
}

void net_run_close(NetRun *r)
{
    free(r->values);
    *r = (NetRun){ 0 };
}

bool net_run_same(const NetRun *a, const NetRun *b, bool same_program, char err[SESSION_ERROR])
{
    bool counts = a->own == b->own && (!same_program || a->count == b->count);
    if (!counts)
        snprintf(err, SESSION_ERROR, "%d values, not %d", b->count, a->count);
    for (int i = 0; i < NET_RUN_STEPS && counts; i++)
        if (memcmp(&a->loss[i], &b->loss[i], sizeof a->loss[i]) != 0) {
            snprintf(err, SESSION_ERROR, "the loss of step %d is %.17g, not %.17g", i, b->loss[i],
                     a->loss[i]);
            return false;
        }
    for (int i = 0; i < (same_program ? a->count : a->own) && counts; i++) {
        const NetValue *x = &a->values[i], *y = &b->values[i];
        if (strcmp(x->name, y->name) != 0 || x->bits != y->bits) {
            snprintf(err, SESSION_ERROR, "%s in step %d has other bits", x->name, x->step);
            return false;
        }
    }
    return counts;
}
