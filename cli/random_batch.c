// Random images and labels, and the rates of a step, for `diff` and `time`.
#include "cli/random_batch.h"
#include "runtime/initial.h"
#include "runtime/rates.h"
#include <stdlib.h>
#include <string.h>

static int64_t classes_of(const Sequence *q)
{
    return q->output_count ? q->outputs[q->output_count - 1].shape.c : 1;
}

bool random_batch_open(RandomBatch *b, const Session *s, int sequence, uint64_t seed)
{
    const Sequence *q = &session_program(s)->sequences[sequence];
    int total = session_images(s, sequence);
    *b = (RandomBatch){ .labels = calloc((size_t)total, sizeof *b->labels) };
    bool good = b->labels != NULL;
    int count = 0;
    for (int i = 0; i < q->input_count && count < 8 && good; i++) {
        if (!strcmp(q->inputs[i].name, "label"))
            continue;
        ProgramParam draw = { .name = q->inputs[i].name, .fill = FILL_GAUSSIAN, .fill_value = 1 };
        int64_t size = total * shape_item(q->inputs[i].shape);
        float *images = calloc((size_t)size, sizeof *images);
        if (images)
            initial_fill(&draw, seed, 0, size, images);
        good = images != NULL;
        b->images[count++] = images;
    }
    for (int i = 0; i < total && good; i++)
        b->labels[i] = (int32_t)((uint64_t)i * 2654435761u % (uint64_t)classes_of(q));
    return good;
}

void random_batch_close(RandomBatch *b)
{
    for (int i = 0; i < 8; i++)
        free(b->images[i]);
    free(b->labels);
}

// Schedules of the whole run see one of a thousand steps.
static bool look_up(void *context, const char *name, double *value)
{
    (void)context;
    bool known = !strcmp(name, "steps");
    if (known)
        *value = 1000;
    return known;
}

bool random_batch_rates(Session *s, int64_t step, char *err)
{
    const Program *p = session_program(s);
    const TrainRecipe *t = &p->recipe.train;
    double *fixed = calloc((size_t)t->setting_count + 1, sizeof *fixed);
    ParamRates *rates = calloc((size_t)p->param_count + 1, sizeof *rates);
    Rates r;
    bool good = fixed && rates;
    if (good && p->recipe.has_train) {
        rates_open(&r, t, fixed);
        good = rates_all(&r, p, 0, (double)step, look_up, NULL, rates, err);
    } else
        for (int i = 0; good && i < p->param_count; i++)
            rates[i] = (ParamRates){ .lr = 0.01f, .momentum = 0.9f };
    if (good)
        session_set_rates(s, rates);
    free(fixed);
    free(rates);
    return good;
}
