// The table of schedules. Sources: inv, step, multistep, poly: Caffe's sgd_solver.cpp; exponential (exp) and
// dexp: cuda-convnet2's lr.cu; cosine: Loshchilov and Hutter 2017; one_cycle: Smith and Topin 2018, with
// PyTorch's two cosine phases.
#include "recipe/schedule.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

// How much of the run is over, 0 to 1.
static double progress(TrainClock c)
{
    return c.step < c.steps ? c.step / c.steps : 1;
}

static double inv_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return a[0] * pow(1 + a[1] * c.step, -a[2]);
}

static double step_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return a[0] * pow(a[1], floor(c.step / a[2]));
}

static double multistep_at(const double *a, int count, TrainClock c)
{
    double rate = a[0];
    for (int i = 2; i < count; i++)
        rate *= c.step >= a[i] ? a[1] : 1;
    return rate;
}

static double poly_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return a[0] * pow(1 - progress(c), a[1]);
}

static double exponential_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return a[0] * pow(a[1], -progress(c));
}

// In equal parts of the run, each with a rate of its own; the last one's is base / ratio.
static double dexp_at(const double *a, int count, TrainClock c)
{
    (void)count;
    double last = a[2] - 1, part = floor(progress(c) * a[2]);
    return last < 1 ? a[0] : a[0] * pow(a[1], -(part < last ? part : last) / last);
}

static double between(double from, double to, double share)
{
    return to + (from - to) / 2 * (1 + cos(pi * share));
}

static double cosine_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return between(a[0], a[1], progress(c));
}

static double one_cycle_at(const double *a, int count, TrainClock c)
{
    (void)count;
    double first = a[0] / a[2], least = first / a[3], top = a[1] * c.steps - 1, end = c.steps - 1;
    if (c.step <= top)
        return between(first, a[0], c.step / top);
    return c.step < end ? between(a[0], least, (c.step - top) / (end - top)) : least;
}

// The rate grows to its whole within so many steps.
static double warmup_at(const double *a, int count, TrainClock c)
{
    (void)count;
    return a[0] * (c.step + 1 < a[1] ? (c.step + 1) / a[1] : 1);
}

const Schedule schedule_table[] = {
    { "inv", { { "base", NAN }, { "gamma", NAN }, { "power", NAN } }, false, false, inv_at },
    { "step", { { "base", NAN }, { "factor", NAN }, { "every", NAN } }, false, false, step_at },
    { "multistep", { { "base", NAN }, { "factor", NAN }, { "at", NAN } }, true, false, multistep_at },
    { "poly", { { "base", NAN }, { "power", 1 } }, false, true, poly_at },
    { "exponential", { { "base", NAN }, { "ratio", NAN } }, false, true, exponential_at },
    { "dexp", { { "base", NAN }, { "ratio", NAN }, { "parts", NAN } }, false, true, dexp_at },
    { "cosine", { { "base", NAN }, { "least", 0 } }, false, true, cosine_at },
    { "one_cycle", { { "most", NAN }, { "up", 0.3 }, { "first", 25 }, { "last", 1e4 } }, false, true,
      one_cycle_at },
    { "warmup", { { "rate", NAN }, { "over", NAN } }, false, false, warmup_at },
    { NULL, { { NULL, 0 } }, false, false, NULL }
};

const Schedule *schedule_find(const char *name)
{
    for (const Schedule *s = schedule_table; s->name; s++)
        if (!strcmp(s->name, name))
            return s;
    return NULL;
}

int schedule_params(const Schedule *s)
{
    int count = 0;
    while (count < SCHEDULE_PARAMS && s->params[count].name)
        count++;
    return count;
}
