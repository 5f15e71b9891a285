// Sums probabilities over the views of an image, then judges the image once.
#include "runtime/train/views.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool views_open(Views *v, int views, int classes, const TrainRecipe *t, SessionResult *result)
{
    *v = (Views){ .views = views, .classes = classes, .metrics = t->metrics, .metric_count = t->metric_count,
                  .label = -1, .result = result };
    v->sum = calloc((size_t)classes, sizeof *v->sum);
    return v->sum != NULL;
}

void views_close(Views *v) { free(v->sum); }

static bool are_probabilities(const float *x, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        if (!(x[i] >= 0))
            return false;
        sum += (double)x[i];
    }
    return fabs(sum - 1) < 1e-3;
}

static void add_softmax(const float *scores, int count, double *sum)
{
    double most = (double)scores[0], all = 0;
    for (int i = 1; i < count; i++)
        most = fmax(most, (double)scores[i]);
    for (int i = 0; i < count; i++)
        all += exp((double)scores[i] - most);
    for (int i = 0; i < count; i++)
        sum[i] += exp((double)scores[i] - most) / all;
}

// As op top does it: equal ones share the places that they fill together.
static double top(const Views *v, int k)
{
    double greater = 0, equal = 0, mine = v->sum[v->label];
    for (int i = 0; i < v->classes; i++) {
        greater += v->sum[i] > mine;
        equal += v->sum[i] == mine;
    }
    return equal > 0 ? fmin(1, fmax(0, (k - greater) / equal)) : 0;       // 0: a NaN
}

static void count_image(Views *v)
{
    double loss = -log(v->sum[v->label] / v->views);
    v->result->images++;
    v->result->loss += loss;
    for (int i = 0; i < v->metric_count && i < SESSION_METRICS; i++)
        v->result->metrics[i] += v->metrics[i].kind == METRIC_TOP ? top(v, v->metrics[i].k) : loss;
}

void views_add(Views *v, const float *values, int label)
{
    if (label >= 0 && label < v->classes) {
        v->label = label;
        if (!are_probabilities(values, v->classes))
            add_softmax(values, v->classes, v->sum);
        else
            for (int i = 0; i < v->classes; i++)
                v->sum[i] += (double)values[i];
    }
    if (++v->seen < v->views)
        return;
    if (v->label >= 0)
        count_image(v);
    memset(v->sum, 0, (size_t)v->classes * sizeof *v->sum);
    v->seen = 0;
    v->label = -1;
}
