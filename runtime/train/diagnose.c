// Looks for the first value of a stopped step that is not finite.
#include "runtime/train/diagnose.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void add(char err[TRAIN_ERROR], const char *fmt, ...)
{
    size_t length = strlen(err);
    va_list list;
    va_start(list, fmt);
    vsnprintf(err + length, TRAIN_ERROR - length, fmt, list);
    va_end(list);
}

// How many images of the batch have such a loss, and the first of them.
static void add_images(const StoppedStep *at, char err[TRAIN_ERROR])
{
    char why[SESSION_ERROR], name[DATA_ERROR];
    const Sequence *q = &session_program(at->s)->sequences[at->sequence];
    int port = session_find_output(at->s, at->sequence, "loss"), bad = 0, first = -1;
    float *loss = calloc((size_t)q->batch, sizeof *loss);
    const int32_t *labels = at->batch->labels + at->first;
    bool each = loss && port >= 0 && shape_count(q->outputs[port].shape) == q->batch &&
                session_read_output(at->s, at->sequence, port, loss, why);
    for (int i = 0; each && i < q->batch; i++)
        if (labels[i] >= 0 && !isfinite(loss[i])) {
            first = first < 0 ? at->first + i : first;
            bad++;
        }
    free(loss);
    if (first < 0)
        return;
    int64_t sample = loader_sample(at->feed, at->loader, at->batch->number, first);
    at->feed->source->class->name(at->feed->source, feed_source_index(at->feed, sample), name);
    add(err, ", of %d of its %d images (place %d: %.120s)", bad, at->batch->filled, first, name);
}

static void add_origin(const StoppedStep *at, char err[TRAIN_ERROR])
{
    char why[SESSION_ERROR];
    SessionTrace t;
    const float *inputs[] = { at->batch->images };
    if (!session_trace(at->s, at->sequence, inputs, at->batch->labels, &t, why) || !t.what)
        return;
    if (t.is_param)
        add(err, "; %.60s was not finite before it: an earlier update made it so", t.what);
    else if (!t.launch)
        add(err, "; the data are not: `%.60s`", t.what);
    else
        add(err, "; it begins in `%.60s` (%.40s, %.20s)", t.what,
            *t.launch->layer ? t.launch->layer : "the loss", t.launch->phase);
    if (t.launch && t.launch->place_count)
        add(err, " at %.80s:%d", t.launch->places[0].path, t.launch->places[0].line);
}

void diagnose_step(const StoppedStep *at, char err[TRAIN_ERROR])
{
    snprintf(err, TRAIN_ERROR, "the loss is not finite at step %lld (epoch %lld, batch %lld of %lld)",
             (long long)at->step + 1, (long long)at->epoch + 1, (long long)(at->step % at->steps) + 1,
             (long long)at->steps);
    add_images(at, err);
    add_origin(at, err);
    add(err, "; the step was not applied");
}
