// One pass over the test set: every image counts once, whatever the number of its views.
#include "base/clock.h"
#include "runtime/data/loader.h"
#include "runtime/train/result.h"
#include "runtime/train/views.h"
#include <stdlib.h>

typedef struct {
    Session       *s;
    int            sequence, port;         // of the net's output
    Loader        *loader;
    SessionResult  sum;
    Views          views;
    float         *values;                 // of the output; NULL: one view an image
} Testing;

static bool test_batch(Testing *t, const Batch *b, char *err)
{
    SessionResult one;
    const float *inputs[] = { b->images };
    const Sequence *q = &session_program(t->s)->sequences[t->sequence];
    if (!session_run(t->s, t->sequence, inputs, b->labels, &one, err))
        return false;
    if (!t->values) {
        result_add(&t->sum, &one);
        return true;
    }
    if (!session_read_output(t->s, t->sequence, t->port, t->values, err))
        return false;
    for (int i = 0; i < q->batch; i++)
        views_add(&t->views, t->values + (size_t)i * (size_t)t->views.classes, b->labels[i]);
    return true;
}

static bool test_batches(Testing *t, char *err)
{
    Batch *b;
    err[0] = 0;
    while ((b = loader_next(t->loader, err))) {
        bool fine = test_batch(t, b, err);
        loader_done(t->loader, b);
        if (!fine)
            return false;
    }
    return err[0] == 0;
}

static bool open_views(Testing *t, const Feed *f, char *err)
{
    const Program *p = session_program(t->s);
    const Sequence *q = &p->sequences[t->sequence];
    if (f->views == 1)
        return true;
    t->port = q->output_count - 1;
    Shape output = q->outputs[t->port].shape;
    t->values = malloc((size_t)shape_count(output) * sizeof *t->values);
    if (t->values && views_open(&t->views, f->views, (int)shape_item(output), &p->recipe.train, &t->sum))
        return true;
    snprintf(err, TRAIN_ERROR, "out of memory");
    return false;
}

bool train_test(Session *s, const TrainOptions *o, TrainReport *report, char err[TRAIN_ERROR])
{
    int sequence = session_find_sequence(s, SEQUENCE_TEST, 0);
    if (sequence < 0 || !o->data->has_test) {
        snprintf(err, TRAIN_ERROR, "there is no test set");
        return false;
    }
    LoaderOptions l = { .batch = session_program(s)->sequences[sequence].batch, .testing = true,
                        .skip_bad = o->skip_bad, .threads = o->loader_threads, .ahead = 3 };
    Loader *loader = loader_open(&o->data->test, &l, err);
    if (!loader)
        return false;
    Testing t = { .s = s, .sequence = sequence, .loader = loader };
    double start = clock_seconds();
    bool fine = open_views(&t, &o->data->test, err) && test_batches(&t, err);
    loader_close(loader);
    free(t.values);
    views_close(&t.views);
    *report = (TrainReport){ .kind = TRAIN_TESTED };
    result_means(&t.sum, &session_program(s)->recipe.train, report);
    report->images_per_second = t.sum.images / (clock_seconds() - start);
    return fine;
}
