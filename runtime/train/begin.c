// How a run begins: with drawn weights, or with those of a file.
#include "runtime/train/initial_weights.h"
#include "runtime/train/run.h"
#include <string.h>

typedef struct { Run *r; int counts[INIT_KINDS]; } Told;

// Told and logged is what is not a matter of course.
static void told(void *context, const InitLine *l)
{
    Told *t = context;
    char text[400];
    t->counts[l->kind]++;
    log_init(t->r->log, l);
    if (l->kind == INIT_MISSING)
        snprintf(text, sizeof text, "init: %.120s (%s) is not in the file", l->param, l->wants);
    else if (l->kind == INIT_MISFIT)
        snprintf(text, sizeof text, "init: %.120s is %s, in the file %s", l->param, l->wants, l->has);
    else if (l->kind == INIT_UNEXPECTED)
        snprintf(text, sizeof text, "init: nothing wants %.120s (%s)", l->tensor, l->has);
    else if (strcmp(l->param, l->tensor) != 0 || strcmp(l->wants, l->has) != 0)
        snprintf(text, sizeof text, "init: %.120s (%s) from %.120s (%s)", l->param, l->wants, l->tensor,
                 l->has);
    else
        return;
    TrainReport report = { .kind = TRAIN_NOTED, .text = text };
    run_tell(t->r, &report);
}

bool run_init(Run *r)
{
    char text[512];
    Told t = { .r = r };
    if (!r->o->init)
        return true;
    if (!initial_weights(r->s, r->o->init, r->o->init_partly, told, &t, r->err)) {
        r->fault = TRAIN_REFUSED;
        return false;
    }
    snprintf(text, sizeof text, "init: %d of %d parameters from %.300s", t.counts[INIT_MATCHED],
             r->p->param_count, r->o->init);
    TrainReport report = { .kind = TRAIN_NOTED, .text = text };
    run_tell(r, &report);
    return true;
}
