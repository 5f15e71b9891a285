// Central differences, one element at a time; only what lies behind the parameter is computed anew.
#include "evaluate/differences.h"
#include "kernels/random.h"
#include <math.h>

static double relative_error(double a, double b)
{
    return fabs(a - b) / fmax(DIFFERENCE_SMALL, fmax(fabs(a), fabs(b)));
}

static double loss_with(Evaluator *e, const Param *p, double *w, double value)
{
    *w = value;
    evaluator_run_behind(e, p);
    return evaluator_loss(e);
}

static void check_element(Evaluator *e, const Param *p, int64_t at, double by_graph, Differences *d)
{
    double *w = &e->param[p->index][at], kept = *w;
    double above = loss_with(e, p, w, kept + DIFFERENCE_EPSILON);
    uint64_t decisions = e->decisions;
    double below = loss_with(e, p, w, kept - DIFFERENCE_EPSILON);
    *w = kept;
    if (decisions != e->decisions) {
        d->kinks++;
        return;
    }
    double by_differences = (above - below) / (2 * DIFFERENCE_EPSILON);
    double error = relative_error(by_graph, by_differences);
    // A NaN is the worst of all.
    if (d->checked++ == 0 || !(error <= d->worst)) {
        d->worst = error;
        d->at = at;
        d->by_graph = by_graph;
        d->by_differences = by_differences;
    }
}

// The i-th of the elements to check. Every second one is, if a few draws find it, one that has a
// gradient at all: behind relus and dropout most have none, and 0 = 0 says little.
static int64_t choose(const double *gradient, int64_t count, int64_t i, RandomKey key)
{
    enum { DRAWS = 32 };
    int64_t at = 0;
    for (int64_t draw = 0; draw < DRAWS; draw++) {
        double u = random_uniform((unsigned)(i * DRAWS + draw), key);
        at = (int64_t)(u * (double)count);
        if (i % 2 || gradient[at] != 0)
            break;
    }
    return at;
}

Differences differences_check(Evaluator *loss, const Evaluator *trained, int param, int64_t most,
                              uint64_t seed)
{
    Differences d = { 0 };
    const Param *p = loss->graph->params[param];
    int64_t count = shape_count(p->shape);
    double *gradient = ARENA_ARRAY(loss->arena, double, count);
    evaluator_gradient(trained, p, gradient);
    RandomKey key = random_key(seed, 3, (unsigned)param);
    for (int64_t i = 0; i < (count < most ? count : most); i++) {
        int64_t at = count <= most ? i : choose(gradient, count, i, key);
        check_element(loss, p, at, gradient[at], &d);
    }
    evaluator_run_behind(loss, p);
    return d;
}
