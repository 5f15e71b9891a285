// Epochs, steps and events of a run.
#include "runtime/train/train.h"
#include "base/clock.h"
#include "runtime/data/loader.h"
#include "runtime/rates.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/diagnose.h"
#include "runtime/train/lock.h"
#include "runtime/train/log.h"
#include "runtime/train/memory.h"
#include "runtime/train/result.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Session            *s;
    const Program      *p;
    const TrainRecipe  *recipe;
    const TrainOptions *o;
    char               *err;
    int                 sequence;
    Rates               rates;
    ParamRates         *param_rates;
    Log                *log;
    int64_t             epoch, step;   // finished
    int64_t             steps;         // of the whole run; 0: until something stops it
    int64_t             saved;         // step of the last checkpoint of this run; -1: none
    int64_t             unsaved;       // checkpoints that could not be written
    char                why_unsaved[TRAIN_ERROR];       // the last of them
    Memory              memory;
    bool                stopping;
    TrainEnd            fault;         // what a function that returns false ends the run with
} Run;

// --- variables of expressions -------------------------------------------------------------------

static bool look_up(void *context, const char *name, double *value)
{
    const Run *r = context;
    if (!strcmp(name, "loss"))
        *value = r->memory.last_loss;
    else if (!strcmp(name, "test_loss"))
        *value = r->memory.test_loss;
    else if (!strcmp(name, "epochs"))
        *value = (double)r->recipe->epochs;
    else if (!strcmp(name, "steps"))
        *value = (double)r->steps;
    else {
        for (int i = 0; i < r->recipe->metric_count && i < SESSION_METRICS; i++)
            if (!strcmp(r->recipe->metrics[i].name, name)) {
                *value = r->memory.last_metrics[i];
                return true;
            }
        return false;
    }
    return true;
}

static bool update_rates(Run *r)
{
    if (!rates_all(&r->rates, r->p, (double)r->epoch, (double)r->step, look_up, r, r->param_rates, r->err))
        return false;
    session_set_rates(r->s, r->param_rates);
    return true;
}

// --- reports ------------------------------------------------------------------------------------

static void fill_report(const Run *r, const SessionResult *sum, TrainReport *report)
{
    report->epoch = r->epoch;
    report->epochs = r->o->epochs ? r->o->epochs : r->recipe->epochs;
    result_means(sum, r->recipe, report);
}

static void tell(const Run *r, const TrainReport *report)
{
    if (r->o->tell)
        r->o->tell(r->o->context, report);
}

// What decides which checkpoint is the best: less is better.
static double score_of(const Run *r, const TrainReport *report)
{
    bool top = r->recipe->metric_count > 0 && r->recipe->metrics[0].kind == METRIC_TOP;
    return top ? 1 - report->metrics[0] : report->loss;
}

// --- testing ------------------------------------------------------------------------------------

static bool test_now(Run *r)
{
    TrainReport report;
    if (!r->o->data->has_test)
        return true;
    if (!train_test(r->s, r->o, &report, r->err))
        return false;
    report.epoch = r->epoch;
    report.epochs = r->recipe->epochs;
    r->memory.test_loss = report.loss;
    memcpy(r->memory.test_metrics, report.metrics, sizeof r->memory.test_metrics);
    r->memory.score = score_of(r, &report);
    log_result(r->log, "test", r->recipe, &report, r->step);
    tell(r, &report);
    return true;
}

// --- saving -------------------------------------------------------------------------------------

static char *path_of(const Run *r, const char *pattern)
{
    char *path = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&path, &size);
    if (!out)
        return NULL;
    if (r->o->out)
        fprintf(out, "%s/", r->o->out);
    for (const char *c = pattern; *c; ) {
        if (!strncmp(c, "{epoch}", 7)) {
            fprintf(out, "%lld", (long long)r->epoch);
            c += 7;
        } else if (!strncmp(c, "{step}", 6)) {
            fprintf(out, "%lld", (long long)r->step);
            c += 6;
        } else {
            fputc(*c++, out);
        }
    }
    fclose(out);
    return path;
}

static bool write_checkpoint(Run *r, const char *path)
{
    const Data *d = r->o->data;
    char *memory = memory_text(&r->memory, r->recipe);
    CheckpointState state = { r->epoch, r->step, session_seed(r->s),
                              { r->p->plan_hash[0], r->p->plan_hash[1] }, memory, d->mean,
                              d->mean_shape, (const char *const *)d->class_names, d->class_count };
    char why[CHECKPOINT_ERROR] = "out of memory";
    bool fine = path && memory && checkpoint_save(r->s, path, &state, why);
    free(memory);
    if (!fine)
        snprintf(r->why_unsaved, TRAIN_ERROR, "%s", why);
    return fine;
}

// A full disk must not cost the run: what was saved before stays, and the next save tries again.
static void warn_unsaved(Run *r)
{
    char text[TRAIN_ERROR + 64];
    snprintf(text, sizeof text, "no checkpoint was written, the run goes on: %s", r->why_unsaved);
    TrainReport report = { .kind = TRAIN_WARNED, .epoch = r->epoch, .text = text };
    r->unsaved++;
    tell(r, &report);
}

// `by` is NULL for a checkpoint that no event asked for. False only where the weights are spoilt:
// they would take the place of good ones.
static bool save_now(Run *r, const char *pattern, const Action *by)
{
    int bad;
    if (!session_bad_param(r->s, &bad, r->why_unsaved)) {
        warn_unsaved(r);
        return true;
    }
    if (bad >= 0) {
        snprintf(r->err, TRAIN_ERROR, "%.80s is not finite after step %lld (epoch %lld); it was not saved",
                 r->p->params[bad].name, (long long)r->step, (long long)r->epoch);
        r->fault = TRAIN_NUMERICAL;
        return false;
    }
    char *path = path_of(r, pattern);
    if (!write_checkpoint(r, path)) {
        warn_unsaved(r);
        free(path);
        return true;
    }
    TrainReport report = { .kind = TRAIN_SAVED, .epoch = r->epoch, .text = path };
    r->saved = r->step;
    log_save(r->log, path, r->epoch, r->step);
    tell(r, &report);
    if (by)
        memory_keep(&r->memory, by, path);
    else
        free(path);
    return true;
}

// --- events -------------------------------------------------------------------------------------

// At the end of an epoch what is printed is that epoch's.
static void print_now(const Run *r)
{
    TrainReport report = { .kind = TRAIN_PRINTED, .step = r->step };
    fill_report(r, &r->memory.sum, &report);
    tell(r, &report);
}

static bool act(Run *r, const Action *a)
{
    switch (a->kind) {
    case ACTION_SET:
        return rates_evaluate(&r->rates, &a->value, (double)r->epoch, (double)r->step, look_up, r,
                              &r->memory.fixed[a->setting], r->err);
    case ACTION_TEST:
        return test_now(r);
    case ACTION_SAVE:
        return save_now(r, a->path, a);
    case ACTION_STOP:
        r->stopping = true;
        return true;
    case ACTION_PRINT:
        print_now(r);
        return true;
    }
    return true;
}

static bool fire(Run *r, const Event *e)
{
    for (int i = 0; i < e->action_count; i++)
        if (!act(r, &e->actions[i]))
            return false;
    return true;
}

static bool evaluate(Run *r, const Expr *condition, bool *is_true)
{
    double truth;
    if (!rates_evaluate(&r->rates, condition, (double)r->epoch, (double)r->step, look_up, r, &truth, r->err))
        return false;
    *is_true = truth != 0 && !isnan(truth);
    return true;
}

// What a plateau is judged by: the last test where there is one, else the last epoch.
static double judged(const Run *r, const char *metric)
{
    const Memory *m = &r->memory;
    bool tested = !isnan(m->test_loss);
    for (int i = 0; i < r->recipe->metric_count && i < SESSION_METRICS; i++)
        if (!strcmp(r->recipe->metrics[i].name, metric))
            return tested ? m->test_metrics[i] : m->last_metrics[i];
    return tested || !strcmp(metric, "test_loss") ? m->test_loss : m->last_loss;
}

// Every epoch is a look of its own: the event fires each time that patience ends, not only when
// the condition becomes true.
static bool look_at_plateau(Run *r, int event, const PlateauCall *call)
{
    const Event *e = &r->recipe->events[event];
    Plateau *p = &r->memory.plateaus[event];
    bool over = plateau_look(p, call, judged(r, call->metric)), fires = false;
    ExprStep *steps = calloc((size_t)e->condition.count, sizeof *steps);
    if (!steps) {
        snprintf(r->err, TRAIN_ERROR, "out of memory");
        return false;
    }
    Expr condition = plateau_replace(&e->condition, call, over, steps);
    bool fine = evaluate(r, &condition, &fires);
    free(steps);
    if (!fine || !fires)
        return fine;
    if (over)
        plateau_fire(p);
    return fire(r, e);
}

static bool look_at_conditions(Run *r)
{
    for (int i = 0; i < r->recipe->event_count; i++) {
        const Event *e = &r->recipe->events[i];
        PlateauCall call;
        bool is_true;
        if (e->kind != EVENT_WHEN)
            continue;
        if (plateau_find(&e->condition, r->recipe, &call) == PLATEAU_FOUND) {
            if (!look_at_plateau(r, i, &call))
                return false;
            continue;
        }
        if (!evaluate(r, &e->condition, &is_true))
            return false;
        bool fires = is_true && !r->memory.was_true[i];
        r->memory.was_true[i] = is_true;
        if (fires && !fire(r, e))
            return false;
    }
    return true;
}

static bool count_periods(Run *r, EventKind kind, int64_t done)
{
    for (int i = 0; i < r->recipe->event_count; i++) {
        const Event *e = &r->recipe->events[i];
        if (e->kind == kind && done % e->period == 0 && !fire(r, e))
            return false;
    }
    return true;
}

// --- steps --------------------------------------------------------------------------------------

static bool stop_numerically(Run *r, const Batch *b)
{
    const Feed *feed = &r->o->data->train;
    LoaderOptions l = { .batch = r->p->sequences[r->sequence].batch, .seed = session_seed(r->s) };
    StoppedStep at = { r->s, r->sequence, b, feed, &l, r->step, r->epoch,
                       loader_epoch_batches(feed, l.batch, false) };
    diagnose_step(&at, r->err);
    r->fault = TRAIN_NUMERICAL;
    return false;
}

static bool run_step(Run *r, Loader *loader)
{
    Batch *b = loader_next(loader, r->err);
    if (!b)
        return false;
    for (int i = 0; i < b->bad && i < LOADER_BAD; i++) {
        TrainReport warning = { .kind = TRAIN_WARNED, .text = b->bad_text[i] };
        tell(r, &warning);
    }
    SessionResult one;
    const float *inputs[] = { b->images };
    bool fine = update_rates(r) && session_run(r->s, r->sequence, inputs, b->labels, &one, r->err);
    fine = fine && (!one.stopped || stop_numerically(r, b));
    loader_done(loader, b);
    if (!fine)
        return false;
    r->step++;
    result_add(&r->memory.sum, &one);
    return true;
}

static bool is_over(const Run *r)
{
    return r->stopping || (r->o->stop && *r->o->stop) || (r->o->steps && r->step >= r->o->steps);
}

static bool run_epoch(Run *r, Loader *loader, int64_t steps)
{
    double start = clock_seconds(), waited = loader_waited(loader);
    if (r->step == r->epoch * steps) {               // else: resumed within an epoch
        r->memory.sum = (SessionResult){ 0 };
        if (!look_at_conditions(r))
            return false;
    }
    int before = r->memory.sum.images;
    TrainReport report = { 0 };
    while (r->step < (r->epoch + 1) * steps && !is_over(r)) {
        if (!run_step(r, loader))
            return false;
        report = (TrainReport){ .kind = TRAIN_STEP, .step = r->step - r->epoch * steps, .steps = steps };
        fill_report(r, &r->memory.sum, &report);
        report.images_per_second = (r->memory.sum.images - before) / (clock_seconds() - start);
        tell(r, &report);
        if (!count_periods(r, EVENT_EVERY_STEPS, r->step))
            return false;
    }
    if (r->step < (r->epoch + 1) * steps) {          // ended within the epoch
        print_now(r);
        return true;
    }
    r->epoch++;
    fill_report(r, &r->memory.sum, &report);
    report.kind = TRAIN_EPOCH;
    report.waited = (loader_waited(loader) - waited) / (clock_seconds() - start);
    r->memory.last_loss = report.loss;
    memcpy(r->memory.last_metrics, report.metrics, sizeof r->memory.last_metrics);
    if (!r->o->data->has_test)
        r->memory.score = score_of(r, &report);
    log_result(r->log, "epoch", r->recipe, &report, r->step);
    tell(r, &report);
    return count_periods(r, EVENT_EVERY_EPOCHS, r->epoch);
}

static TrainEnd run_epochs(Run *r, Loader *loader, int64_t steps)
{
    int64_t epochs = r->o->epochs ? r->o->epochs : r->recipe->epochs;
    while ((epochs == 0 || r->epoch < epochs) && !is_over(r))
        if (!run_epoch(r, loader, steps))
            return r->fault;
    bool stopped = r->o->stop && *r->o->stop;
    // With a folder to keep them in, no weights are lost.
    bool save = stopped || (r->o->out && r->saved != r->step);
    if (save && !save_now(r, stopped ? "interrupted.safetensors" : "last.safetensors", NULL))
        return r->fault;
    if (!r->unsaved)
        return stopped ? TRAIN_STOPPED : TRAIN_DONE;
    snprintf(r->err, TRAIN_ERROR, "%lld checkpoint%s could not be written, the last: %.400s",
             (long long)r->unsaved, r->unsaved > 1 ? "s" : "", r->why_unsaved);
    return TRAIN_UNSAVED;
}

// --- the run ------------------------------------------------------------------------------------

static bool resume(Run *r)
{
    CheckpointState state;
    if (!r->o->resume)
        return true;
    if (!checkpoint_load(r->s, r->o->resume, &state, r->err))
        return false;
    bool fine = !state.memory || memory_read(&r->memory, r->recipe, state.memory);
    free(state.memory);
    if (!fine) {
        snprintf(r->err, TRAIN_ERROR, "%.300s: its train section was another one", r->o->resume);
        return false;
    }
    r->epoch = state.epoch;
    r->step = state.step;
    session_set_step(r->s, (uint64_t)state.step);
    session_set_seed(r->s, state.seed);
    return true;
}

// Batches ahead of the step: few where they are large, so that they never weigh like the net.
static int batches_ahead(const Feed *f, int batch)
{
    enum { MOST_BYTES = 40 << 20 };
    int64_t fit = MOST_BYTES / (4 * batch * shape_item(f->image));
    return fit < 2 ? 2 : fit > 4 ? 4 : (int)fit;
}

static TrainEnd run_with_loader(Run *r)
{
    int batch = r->p->sequences[r->sequence].batch;
    const Feed *feed = &r->o->data->train;
    LoaderOptions l = { .batch = batch, .first = r->step, .seed = session_seed(r->s),
                        .skip_bad = r->o->skip_bad, .threads = r->o->loader_threads,
                        .ahead = batches_ahead(feed, batch) };
    Loader *loader = loader_open(feed, &l, r->err);
    if (!loader)
        return TRAIN_FAILED;
    int64_t steps = loader_epoch_batches(feed, batch, false);
    r->steps = steps * r->recipe->epochs;
    TrainEnd end = run_epochs(r, loader, steps);
    loader_close(loader);
    return end;
}

static bool open_run(Run *r)
{
    r->param_rates = calloc((size_t)r->p->param_count + 1, sizeof *r->param_rates);
    if (!memory_open(&r->memory, r->recipe) || !r->param_rates) {
        snprintf(r->err, TRAIN_ERROR, "out of memory");
        return false;
    }
    rates_open(&r->rates, r->recipe, r->memory.fixed);
    return resume(r);
}

static void close_run(Run *r)
{
    memory_close(&r->memory);
    free(r->param_rates);
    log_close(r->log);
}

TrainEnd train_run(Session *s, const TrainOptions *o, char err[TRAIN_ERROR])
{
    const Program *p = session_program(s);
    Run r = { .s = s, .p = p, .recipe = &p->recipe.train, .o = o, .err = err, .saved = -1,
              .fault = TRAIN_FAILED,
              .sequence = session_find_sequence(s, SEQUENCE_TRAIN, 0) };
    TrainEnd end = TRAIN_FAILED;
    RunLock lock = { .file = -1 };
    err[0] = 0;
    if (!lock_take(&lock, o->out, err))
        return TRAIN_FAILED;
    if (open_run(&r)) {
        r.log = log_open(o->out, o->resume ? r.step : -1, p, session_seed(s));
        end = run_with_loader(&r);
        log_end(r.log, end, r.epoch, r.step);
    }
    close_run(&r);
    lock_release(&lock);
    return end;
}
