// The loader: batches ahead of the step that needs them. Threads fill whole batches; they come out
// in order, and what is in them does not depend on the number of threads.
#ifndef RUNTIME_DATA_LOADER_H
#define RUNTIME_DATA_LOADER_H
#include "runtime/data/feed.h"

enum { LOADER_BAD = 4, LOADER_TRIES = 64 };

typedef struct {
    float   *images;                 // batch x image
    int32_t *labels;                 // -1: no sample in this place (its image is zeros)
    int      filled;                 // places that hold a sample
    int64_t  number;                 // of the batch, counted from the start of the run
    int      bad;                    // damaged samples met; the first few are described
    char     bad_text[LOADER_BAD][DATA_ERROR];
    bool     failed;                 // with bad_text[0]: loading cannot go on
    bool     ready;                  // (of the loader)
} Batch;

typedef struct {
    int      batch;
    bool     testing;                // in order, once, the last batch padded; else shuffled anew
                                     // every epoch, a partial last batch left out, without end
    int64_t  first;                  // number of the first batch to give (resume)
    uint64_t seed;
    bool     skip_bad;               // training: another sample instead; testing: no sample
    int      threads;                // at least 1
    int      ahead;                  // batches held, being filled or full; at least 2
} LoaderOptions;

typedef struct Loader Loader;

// Batches of an epoch: floor(count / batch), or 1 when the whole set does not fill one; testing:
// ceil(count * views / batch).
int64_t loader_epoch_batches(const Feed *f, int batch, bool testing);

// Which sample of the feed stands in a place of a training batch (unless it was damaged).
int64_t loader_sample(const Feed *f, const LoaderOptions *o, int64_t number, int place);

// NULL with `err` filled when memory or threads cannot be had. The feed must outlive it.
Loader *loader_open(const Feed *f, const LoaderOptions *o, char err[DATA_ERROR]);
void    loader_close(Loader *l);
// The next batch, waiting for it if needed; it belongs to the caller until loader_done. NULL: a
// test set has come to its end (err is empty), or a sample is damaged (err says which and how).
Batch  *loader_next(Loader *l, char err[DATA_ERROR]);
void    loader_done(Loader *l, Batch *b);
// Seconds that loader_next has waited since loader_open: the step was faster than the data.
double  loader_waited(const Loader *l);
#endif
