// z-score of a loss over a window.
#include "runtime/train/spike.h"
#include <math.h>

static void measure(const Spike *s, double *mean, double *deviation)
{
    double sum = 0, squares = 0;
    for (int i = 0; i < s->count; i++)
        sum += s->losses[i];
    *mean = sum / s->count;
    for (int i = 0; i < s->count; i++)
        squares += (s->losses[i] - *mean) * (s->losses[i] - *mean);
    *deviation = sqrt(squares / s->count);
}

bool spike_look(Spike *s, double loss, double *mean, double *deviation)
{
    bool stands_out = false;
    s->quiet -= s->quiet > 0;
    if (s->count == SPIKE_STEPS) {
        measure(s, mean, deviation);
        stands_out = loss > *mean + 6 * *deviation && loss > *mean + 0.1 * fabs(*mean);
    }
    s->losses[s->at] = loss;
    s->at = (s->at + 1) % SPIKE_STEPS;
    s->count += s->count < SPIKE_STEPS;
    if (!stands_out || s->quiet)
        return false;
    s->quiet = SPIKE_STEPS;
    return true;
}
