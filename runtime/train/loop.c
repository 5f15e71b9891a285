// Epochs, steps and events of a run.
#include "base/clock.h"
#include "runtime/data/loader.h"
#include "runtime/train/diagnose.h"
#include "runtime/durable.h"
#include "runtime/train/lock.h"
#include "runtime/train/result.h"
#include "runtime/train/run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

void run_tell(const Run *r, const TrainReport *report)
{
    if (r->o->tell && !r->again.on)
        r->o->tell(r->o->context, report);
}

void run_warn(Run *r, const char *text)
{
    TrainReport report = { .kind = TRAIN_WARNED, .epoch = r->epoch, .text = text };
    log_warning(r->log, text, r->epoch, r->step);
    run_tell(r, &report);
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
    run_tell(r, &report);
    return true;
}

// --- events -------------------------------------------------------------------------------------

// At the end of an epoch what is printed is that epoch's.
static void print_now(const Run *r)
{
    TrainReport report = { .kind = TRAIN_PRINTED, .step = r->step };
    fill_report(r, &r->memory.sum, &report);
    run_tell(r, &report);
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
        return run_save(r, a->path, a);
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

static bool stop_numerically(Run *r, const Batch *b, int run)
{
    r->fault = TRAIN_NUMERICAL;
    if (!run_look_at_weights(r, true))                   // an earlier update has done it
        return false;
    const Feed *feed = &r->o->data->train;
    LoaderOptions l = { .batch = session_images(r->s, r->sequence), .seed = session_seed(r->s) };
    int first = run * r->p->sequences[r->sequence].batch;
    StoppedStep at = { r->s, r->sequence, b, first, feed, &l, r->step, r->epoch,
                       loader_epoch_batches(feed, l.batch, false) };
    diagnose_step(&at, r->err);
    return false;
}

// The last of the steps that are run once more, launch by launch. It is not counted.
static bool trace_step(Run *r, const float *const *inputs, const Batch *b)
{
    session_trace(r->s, r->sequence, inputs, b->labels, &r->again.found, r->err);
    return false;
}

static bool apply_step(Run *r, const Batch *b, SessionResult *one)
{
    const float *inputs[] = { b->images };
    if (!update_rates(r))
        return false;
    if (r->again.trace && r->step + 1 == r->again.until)
        return trace_step(r, inputs, b);
    bool measured = r->o->out && !r->again.on && (r->step + 1) % r->epoch_steps == 0;
    Updates *before = measured ? run_updates_begin(r) : NULL;
    bool fine = session_run(r->s, r->sequence, inputs, b->labels, one, r->err) &&
                (!one->stopped || stop_numerically(r, b, one->run));
    run_updates_end(r, before);
    return fine;
}

// A spoilt weight may lie still for long (a relu makes 0 of NaN), so it is looked for. On GPUs every look
// waits for the step.
static bool look_behind_step(Run *r)
{
    enum { GPU_STEPS = 64 };
    if (r->again.on)
        return r->again.trace || session_bad_param(r->s, &r->again.bad, r->err);
    bool at_end = r->step % r->epoch_steps == 0;
    if (at_end && r->o->out)                             // elsewhere memory is kept for the net
        return run_look_at_weights(r, true);
    return (session_runs_on_gpus(r->p) && r->step % GPU_STEPS) || run_look_at_weights(r, false);
}

static void note_loss(Run *r, const SessionResult *one)
{
    double mean, deviation, loss = one->loss / (one->images > 0 ? one->images : 1);
    char text[160];
    if (r->again.on)
        return;
    result_add(&r->recent, one);
    if (r->step % RUN_LOG_STEPS == 0) {
        TrainReport report = { .epoch = r->epoch };
        result_means(&r->recent, r->recipe, &report);
        log_step(r->log, r->recipe, &report, r->step, r->param_rates[0].lr);
        r->recent = (SessionResult){ 0 };
    }
    if (!spike_look(&r->spike, loss, &mean, &deviation))
        return;
    snprintf(text, sizeof text, "the loss of step %lld is %.4g, %.0f standard deviations above the mean %.4g "
             "of the %d steps before it", (long long)r->step, loss, (loss - mean) / deviation, mean,
             SPIKE_STEPS);
    run_warn(r, text);
}

static bool run_step(Run *r, Loader *loader)
{
    Batch *b = loader_next(loader, r->err);
    if (!b)
        return false;
    for (int i = 0; i < b->bad && i < LOADER_BAD; i++)
        run_warn(r, b->bad_text[i]);
    SessionResult one;
    bool fine = apply_step(r, b, &one);
    loader_done(loader, b);
    if (!fine)
        return false;
    r->step++;
    result_add(&r->memory.sum, &one);
    note_loss(r, &one);
    return look_behind_step(r);
}

static bool is_over(const Run *r)
{
    if (r->again.on && (r->step >= r->again.until || r->again.bad >= 0))
        return true;
    return r->stopping || (r->o->stop && *r->o->stop) || (r->o->steps && r->step >= r->o->steps);
}

static double seconds_left(const Run *r)
{
    int64_t epochs = r->o->epochs ? r->o->epochs : r->recipe->epochs, last = epochs * r->epoch_steps;
    if (r->o->steps && (!last || r->o->steps < last))
        last = r->o->steps;
    double each = (clock_seconds() - r->began) / (double)(r->step - r->began_at);
    return last ? each * (double)(last - r->step) : NAN;
}

// By a signal that lets the run go on, or because nothing has been saved for long: a file need not ask for
// checkpoints to lose little.
static bool save_if_asked(Run *r)
{
    double patience = r->o->save_seconds > 0 ? r->o->save_seconds : 600;
    if (r->again.on)
        return true;
    if (r->o->save && *r->o->save) {
        *r->o->save = 0;
        return run_save(r, "requested.safetensors", NULL);
    }
    return !r->o->out || clock_seconds() - r->saved_at < patience || run_save(r, "last.safetensors", NULL);
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
        report.seconds_left = seconds_left(r);
        run_tell(r, &report);
        if (!count_periods(r, EVENT_EVERY_STEPS, r->step) || !run_settle(r, false) || !save_if_asked(r))
            return false;
    }
    if (r->step < (r->epoch + 1) * steps) {          // ended within the epoch
        print_now(r);
        return true;
    }
    r->epoch++;
    fill_report(r, &r->memory.sum, &report);
    report.kind = TRAIN_EPOCH;
    report.updates = r->updates;
    report.update_count = r->o->out ? r->p->param_count : 0;
    report.waited = (loader_waited(loader) - waited) / (clock_seconds() - start);
    r->memory.last_loss = report.loss;
    memcpy(r->memory.last_metrics, report.metrics, sizeof r->memory.last_metrics);
    if (!r->o->data->has_test)
        r->memory.score = score_of(r, &report);
    log_result(r->log, "epoch", r->recipe, &report, r->step);
    run_tell(r, &report);
    return count_periods(r, EVENT_EVERY_EPOCHS, r->epoch);
}

static bool run_epochs(Run *r, Loader *loader)
{
    int64_t epochs = r->o->epochs ? r->o->epochs : r->recipe->epochs;
    while ((epochs == 0 || r->epoch < epochs) && !is_over(r))
        if (!run_epoch(r, loader, r->epoch_steps))
            return false;
    return true;
}

static TrainEnd run_and_save(Run *r, Loader *loader)
{
    if (!run_epochs(r, loader) || !run_settle(r, true))
        return r->fault;
    bool stopped = r->o->stop && *r->o->stop;
    // With a folder to keep them in, no weights are lost.
    bool save = stopped || (r->o->out && r->saved != r->step);
    if (save && !(run_save(r, stopped ? "interrupted.safetensors" : "last.safetensors", NULL) &&
                  run_settle(r, true)))
        return r->fault;
    return stopped ? TRAIN_STOPPED : TRAIN_DONE;
}

// --- the run ------------------------------------------------------------------------------------

// Batches ahead of the step: few where they are large, so that they never weigh like the net.
static int batches_ahead(const Feed *f, int batch)
{
    enum { MOST_BYTES = 40 << 20 };
    int64_t fit = MOST_BYTES / (4 * batch * shape_item(f->image));
    return fit < 2 ? 2 : fit > 4 ? 4 : (int)fit;
}

// Gives batches from where the run stands; also sets how many an epoch has.
static Loader *open_loader(Run *r)
{
    int batch = session_images(r->s, r->sequence);
    const Feed *feed = &r->o->data->train;
    LoaderOptions l = { .batch = batch, .first = r->step, .seed = session_seed(r->s),
                        .skip_bad = r->o->skip_bad, .threads = r->o->loader_threads,
                        .ahead = batches_ahead(feed, batch) };
    r->epoch_steps = loader_epoch_batches(feed, batch, false);
    r->steps = r->epoch_steps * r->recipe->epochs;
    return loader_open(feed, &l, r->err);
}

static TrainEnd run_with_loader(Run *r)
{
    Loader *loader = open_loader(r);
    if (!loader)
        return TRAIN_FAILED;
    r->began = r->saved_at = clock_seconds();
    r->began_at = r->step;
    TrainEnd end = run_and_save(r, loader);
    loader_close(loader);
    return end;
}

void run_steps_again(Run *r)
{
    Loader *loader = open_loader(r);
    if (loader)
        run_epochs(r, loader);
    loader_close(loader);
}

bool run_reset(Run *r)
{
    memory_close(&r->memory);
    r->epoch = r->step = 0;
    session_set_step(r->s, 0);
    if (!memory_open(&r->memory, r->recipe)) {
        snprintf(r->err, TRAIN_ERROR, "out of memory");
        return false;
    }
    rates_open(&r->rates, r->recipe, r->memory.fixed);
    // Numbers that are not finite may have come to places that a new value of a parameter does not reach.
    return !r->again.on || (session_restart(r->s, r->err) && run_init(r));
}

static bool open_run(Run *r)
{
    r->param_rates = calloc((size_t)r->p->param_count + 1, sizeof *r->param_rates);
    r->updates = calloc((size_t)r->p->param_count + 1, sizeof *r->updates);
    if (!r->param_rates || !r->updates) {
        snprintf(r->err, TRAIN_ERROR, "out of memory");
        return false;
    }
    if (!run_reset(r) || !run_resume(r))
        return false;
    r->log = log_open(r->o->out, r->epoch, r->resumed ? r->step : -1, r->p, session_seed(r->s), r->from,
                      r->err);
    if (!r->log || (!r->resumed && !run_init(r)))
        return false;
    if (r->o->out && r->o->facts)
        run_write_manifest(r);
    r->saver = saver_open();
    if (!r->saver)
        snprintf(r->err, TRAIN_ERROR, "a thread cannot be started");
    return r->saver != NULL;
}

static void close_run(Run *r)
{
    saver_close(r->saver);
    memory_close(&r->memory);
    free(r->param_rates);
    free(r->updates);
    log_close(r->log);
}

// A run that came to its end, but has left less behind than it should.
static TrainEnd count_lost(Run *r, TrainEnd end)
{
    const char *why;
    int lines = log_lost(r->log, &why);
    if ((end != TRAIN_DONE && end != TRAIN_STOPPED && end != TRAIN_UNSAVED) || (!r->unsaved && !lines))
        return end;
    if (r->unsaved)
        snprintf(r->err, TRAIN_ERROR, "%lld checkpoint%s could not be written, the last: %.400s",
                 (long long)r->unsaved, r->unsaved > 1 ? "s" : "", r->why_unsaved);
    else
        snprintf(r->err, TRAIN_ERROR, "%d line%s of the log could not be written: %.400s", lines,
                 lines > 1 ? "s" : "", why);
    return TRAIN_UNSAVED;
}

TrainEnd train_run(Session *s, const TrainOptions *o, char err[TRAIN_ERROR])
{
    const Program *p = session_program(s);
    Run r = { .s = s, .p = p, .recipe = &p->recipe.train, .o = o, .err = err, .saved = -1,
              .spoilt = -1, .fault = TRAIN_FAILED,
              .sequence = session_find_sequence(s, SEQUENCE_TRAIN, 0) };
    RunLock lock = { .file = -1 };
    err[0] = 0;
    if (!lock_take(&lock, o->out, err))
        return TRAIN_FAILED;
    durable_sweep(o->out ? o->out : ".");
    TrainEnd end = TRAIN_FAILED;
    if (open_run(&r)) {
        end = run_with_loader(&r);
        run_settle(&r, true);
        if (end == TRAIN_NUMERICAL && r.spoilt >= 0)
            run_explain_spoilt(&r);
        end = count_lost(&r, end);
        log_end(r.log, end, r.epoch, r.step);
    } else {
        end = r.fault;
    }
    close_run(&r);
    lock_release(&lock);
    return end;
}
