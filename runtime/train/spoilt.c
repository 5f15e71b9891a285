// Weights that are not finite. An update has made them so, from a gradient that the step has long
// overwritten: so the run goes back to its last good checkpoint and repeats its steps, which bit by bit are
// the same.
#include "runtime/train/run.h"
#include <math.h>
#include <string.h>

static bool is_spoilt(Run *r, int param)
{
    r->spoilt = param;
    r->fault = TRAIN_NUMERICAL;
    return false;
}

bool run_look_at_weights(Run *r, bool all)
{
    int bad = -1;
    if (all)
        return session_bad_param(r->s, &bad, r->err) && (bad < 0 || is_spoilt(r, bad));
    for (int i = 0; i < r->p->param_count; i++) {
        int64_t count = shape_count(r->p->params[i].shape);
        if (count > RUN_WATCHED)
            continue;
        if (!session_read_param(r->s, i, r->watched, r->err))
            return false;
        for (int64_t k = 0; k < count; k++)
            if (!isfinite(r->watched[k]))
                return is_spoilt(r, i);
    }
    return true;
}

// The state that the run last could have gone on from.
static bool go_back(Run *r)
{
    return run_reset(r) && (!*r->good || run_load(r, r->good));
}

static bool repeat(Run *r, int64_t until, bool trace)
{
    r->again = (Again){ .on = true, .until = until, .trace = trace, .bad = -1 };
    if (!go_back(r))
        return false;
    run_steps_again(r);
    return trace ? r->again.found.what != NULL : r->again.bad >= 0;
}

static void add_origin(char *text, size_t size, const SessionTrace *t)
{
    size_t at = strlen(text);
    if (!t->launch)
        return;
    const Launch *l = t->launch;
    at += (size_t)snprintf(text + at, size - at, "; it begins in `%.60s` (%.40s, %.20s)", t->what,
                           *l->layer ? l->layer : "the loss", l->phase);
    if (l->place_count)
        snprintf(text + at, size - at, " at %.80s:%d", l->places[0].path, l->places[0].line);
}

void run_explain_spoilt(Run *r)
{
    char text[TRAIN_ERROR + 256];
    int param = r->spoilt;
    Log *log = r->log;
    int64_t epoch = r->epoch, last = r->step;
    r->log = NULL;                                         // what is repeated is there already
    int64_t step = r->step;
    if (repeat(r, step, false)) {                          // perhaps it was so before anybody saw it
        param = r->again.bad;
        step = r->step;
    }
    snprintf(text, sizeof text, "%.60s is not finite after step %lld (epoch %lld)", r->p->params[param].name,
             (long long)step, (long long)((step - 1) / r->epoch_steps) + 1);
    if (r->again.bad >= 0 && repeat(r, step, true))
        add_origin(text, sizeof text, &r->again.found);
    size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, *r->good ? "; the last good checkpoint is %.120s"
             : "; there is no checkpoint from before it", r->good);
    snprintf(r->err, TRAIN_ERROR, "%.511s", text);
    r->again.on = false;
    r->log = log;
    r->epoch = epoch;
    r->step = last;
}
