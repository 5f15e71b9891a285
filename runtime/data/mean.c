// The mean and the colours of the training images: bytes summed in integers, each thread over every
// n-th sample, so the result does not depend on how many threads there are.
#include "runtime/data/data.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const Feed *feed;
    bool        skip_bad;
    int64_t     first, stride;       // samples first, first + stride, ...
    uint64_t   *sums;                // per element of the image
    ColourSums  colours;
    bool        in_colour;           // whether those are wanted
    int64_t     used;                // samples summed
    bool        ok;
    int64_t     failed_at;           // sample that could not be read
    char        err[DATA_ERROR];
} MeanJob;

static void *mean_run(void *context)
{
    MeanJob *j = context;
    Reader r = { .file = NULL };
    size_t item = (size_t)j->feed->fixed_channels * (size_t)j->feed->fixed_height *
                  (size_t)j->feed->fixed_width;
    for (int64_t i = j->first; j->ok && i < j->feed->count; i += j->stride) {
        int label;
        if (feed_bytes(j->feed, &r, i, &label, j->err)) {
            for (size_t k = 0; k < item; k++)
                j->sums[k] += r.image.pixels[k];
            if (j->in_colour)
                colour_add(&j->colours, r.image.pixels, (int64_t)item / 3);
            j->used++;
        } else if (!j->skip_bad) {
            j->ok = false;
            j->failed_at = i;
        }
    }
    reader_free(&r);
    return NULL;
}

// Adds the jobs up and divides; channels are averaged over their pixels when asked for.
static bool mean_finish(const Feed *f, bool per_channel, MeanJob *jobs, int threads, float *mean,
                        char err[DATA_ERROR])
{
    size_t plane = (size_t)f->fixed_height * (size_t)f->fixed_width;
    size_t item = (size_t)f->fixed_channels * plane;
    int64_t used = 0;
    for (int t = 0; t < threads; t++)
        used += jobs[t].used;
    if (!used) {
        snprintf(err, DATA_ERROR, "no training image can be read; the last fault: %.400s",
                 jobs[0].err);
        return false;
    }
    uint64_t *sums = jobs[0].sums;
    for (int t = 1; t < threads; t++)
        for (size_t k = 0; k < item; k++)
            sums[k] += jobs[t].sums[k];
    for (size_t c = 0; mean && c < (size_t)f->fixed_channels; c++) {
        uint64_t all = 0;
        for (size_t k = 0; k < plane; k++)
            all += sums[c * plane + k];
        for (size_t k = 0; k < plane; k++) {
            double byte = per_channel ? (double)all / ((double)used * (double)plane)
                                      : (double)sums[c * plane + k] / (double)used;
            mean[c * plane + k] = (float)(f->by * byte + f->add);
        }
    }
    return true;
}

bool data_mean(const Feed *f, bool per_channel, bool skip_bad, int threads, float *mean,
               ColourSums *colours, char err[DATA_ERROR])
{
    size_t item = (size_t)f->fixed_channels * (size_t)f->fixed_height * (size_t)f->fixed_width;
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    MeanJob *jobs = calloc((size_t)threads, sizeof *jobs);
    uint64_t *sums = calloc(item * (size_t)threads, sizeof *sums);
    pthread_t ids[64];
    bool ok = jobs && sums;
    if (!ok)
        snprintf(err, DATA_ERROR, "out of memory for the mean image");
    int started = 0;
    for (int t = 0; ok && t < threads; t++) {
        jobs[t] = (MeanJob){ .feed = f, .skip_bad = skip_bad, .first = t, .stride = threads,
                             .sums = sums + item * (size_t)t, .in_colour = colours != NULL, .ok = true };
        if (t > 0 && started == t - 1 && !pthread_create(&ids[t], NULL, mean_run, &jobs[t]))
            started = t;
    }
    for (int t = 0; ok && t < threads; t++)       // what no thread could be had for, here
        if (t == 0 || t > started)
            mean_run(&jobs[t]);
    for (int t = 1; ok && t <= started; t++)
        pthread_join(ids[t], NULL);
    int64_t first_failed = INT64_MAX;
    for (int t = 0; ok && t < threads; t++)
        if (!jobs[t].ok && jobs[t].failed_at < first_failed) {
            first_failed = jobs[t].failed_at;
            memcpy(err, jobs[t].err, DATA_ERROR);
        }
    for (int t = 0; ok && colours && t < threads; t++)
        colour_join(colours, &jobs[t].colours);
    ok = ok && first_failed == INT64_MAX && mean_finish(f, per_channel, jobs, threads, mean, err);
    free(sums);
    free(jobs);
    return ok;
}
