// Results of many batches together.
#include "runtime/train/result.h"

void result_add(SessionResult *sum, const SessionResult *one)
{
    sum->loss += one->loss;
    sum->images += one->images;
    for (int i = 0; i < SESSION_METRICS; i++)
        sum->metrics[i] += one->metrics[i];
}

void result_means(const SessionResult *sum, const TrainRecipe *t, TrainReport *report)
{
    double images = sum->images > 0 ? sum->images : 1;
    report->loss = sum->loss / images;
    for (int i = 0; i < t->metric_count && i < SESSION_METRICS; i++)
        report->metrics[i] = sum->metrics[i] / images;
}
