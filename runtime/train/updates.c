// How much a step changes the weights of each layer.
#include "runtime/train/run.h"
#include <math.h>
#include <stdlib.h>

struct Updates { float **before; };    // by parameter; NULL: not measured

static void drop(const Run *r, Updates *u)
{
    for (int i = 0; u->before && i < r->p->param_count; i++)
        free(u->before[i]);
    free(u->before);
    free(u);
}

static float *read_weights(const Run *r, int param)
{
    char err[SESSION_ERROR];
    float *values = malloc((size_t)shape_count(r->p->params[param].shape) * sizeof *values);
    if (values && session_read_param(r->s, param, values, err))
        return values;
    free(values);
    return NULL;
}

Updates *run_updates_begin(Run *r)
{
    Updates *u = calloc(1, sizeof *u);
    if (u)
        u->before = calloc((size_t)r->p->param_count + 1, sizeof *u->before);
    bool fine = u && u->before;
    for (int i = 0; fine && i < r->p->param_count; i++)
        if (!r->p->params[i].is_bias)
            fine = (u->before[i] = read_weights(r, i));
    if (fine)
        return u;
    if (u)
        drop(r, u);
    return NULL;
}

// |after - before| / |before|, in double.
static double relative(const float *before, const float *after, int64_t count)
{
    double change = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)after[i] - before[i];
        change += d * d;
        size += (double)before[i] * before[i];
    }
    return size > 0 ? sqrt(change / size) : 0;
}

void run_updates_end(Run *r, Updates *u)
{
    for (int i = 0; u && i < r->p->param_count; i++) {
        const ProgramParam *p = &r->p->params[i];
        float *after = u->before[i] ? read_weights(r, i) : NULL;
        r->updates[i] = (UpdateSize){ after ? p->layer : NULL, 0 };
        if (after)
            r->updates[i].size = relative(u->before[i], after, shape_count(p->shape));
        free(after);
    }
    if (u)
        drop(r, u);
}
