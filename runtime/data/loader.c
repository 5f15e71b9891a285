// Threads take batch numbers in order and fill the slots of a ring; the consumer takes the slots in
// the same order. A slot is free again when the consumer is done with it.
#include "runtime/data/loader.h"
#include "base/clock.h"
#include "runtime/data/draw.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOADER_THREADS = 64 };

struct Loader {
    const Feed     *feed;
    LoaderOptions   o;
    int64_t         epoch_batches;
    int64_t         end;             // testing: first number that does not exist
    Batch          *slots;           // o.ahead of them; batch b is filled in slot b % ahead
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    int64_t         claimed;         // next number to be filled
    int64_t         given;           // next number for the consumer
    int64_t         freed;           // batches before this one are done with
    bool            stop;
    pthread_t       threads[LOADER_THREADS];
    int             thread_count;
    double          waited;
};

int64_t loader_epoch_batches(const Feed *f, int batch, bool testing)
{
    if (testing)
        return (f->count * f->views + batch - 1) / batch;
    int64_t whole = f->count / batch;
    return whole ? whole : 1;
}

// --- filling -------------------------------------------------------------------------------------

static void note_bad(Batch *b, const char *text)
{
    if (b->bad < LOADER_BAD)
        memcpy(b->bad_text[b->bad], text, DATA_ERROR);
    b->bad++;
}

int64_t loader_sample(const Feed *f, const LoaderOptions *o, int64_t number, int place)
{
    int64_t batches = loader_epoch_batches(f, o->batch, false);
    int64_t at = number % batches * o->batch + place;
    return draw_permuted(o->seed, (uint32_t)(number / batches), f->count, at);
}

// One place of a training batch. A damaged sample is replaced by another draw, which depends on
// the place only, so shapes and positions stay.
static void fill_training(Loader *l, Batch *b, Reader *r, int place)
{
    char err[DATA_ERROR];
    size_t item = (size_t)shape_item(l->feed->image);
    int64_t epoch = b->number / l->epoch_batches;
    int64_t at = b->number % l->epoch_batches * l->o.batch + place;
    if (at >= l->feed->count)
        return;
    FeedKey key = { .seed = l->o.seed, .epoch = (uint32_t)epoch };
    int64_t sample = loader_sample(l->feed, &l->o, b->number, place);
    for (uint32_t attempt = 0; attempt < LOADER_TRIES && !b->failed; attempt++) {
        int label;
        if (feed_sample(l->feed, r, &key, sample, b->images + item * (size_t)place, &label, err)) {
            b->labels[place] = label;
            b->filled++;
            return;
        }
        note_bad(b, err);
        b->failed = !l->o.skip_bad;
        DrawKey draw = { .seed = key.seed, .epoch = key.epoch, .sample = (uint32_t)at,
                         .purpose = DRAW_REPLACE };
        sample = draw_below(&draw, attempt, (uint32_t)l->feed->count);
    }
    b->failed = true;
}

static void fill_testing(Loader *l, Batch *b, Reader *r, int place)
{
    char err[DATA_ERROR];
    size_t item = (size_t)shape_item(l->feed->image);
    int64_t at = b->number * l->o.batch + place, sample = at / l->feed->views;
    FeedKey key = { .seed = l->o.seed, .view = (int)(at % l->feed->views) };
    int label;
    if (sample >= l->feed->count)
        return;
    if (feed_sample(l->feed, r, &key, sample, b->images + item * (size_t)place, &label, err)) {
        b->labels[place] = label;
        b->filled++;
    } else {
        note_bad(b, err);
        b->failed |= !l->o.skip_bad;
    }
}

static void fill(Loader *l, Batch *b, Reader *r)
{
    size_t item = (size_t)shape_item(l->feed->image);
    b->filled = b->bad = 0;
    b->failed = false;
    for (int place = 0; place < l->o.batch && !b->failed; place++) {
        b->labels[place] = -1;
        if (l->o.testing)
            fill_testing(l, b, r, place);
        else
            fill_training(l, b, r, place);
        if (b->labels[place] < 0)
            memset(b->images + item * (size_t)place, 0, item * sizeof(float));
    }
}

static void *loader_run(void *context)
{
    Loader *l = context;
    Reader r = { .file = NULL };
    pthread_mutex_lock(&l->lock);
    while (!l->stop && l->claimed < l->end) {
        if (l->claimed >= l->freed + l->o.ahead) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        Batch *b = &l->slots[l->claimed % l->o.ahead];
        b->number = l->claimed++;
        pthread_mutex_unlock(&l->lock);
        fill(l, b, &r);
        pthread_mutex_lock(&l->lock);
        b->ready = true;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    reader_free(&r);
    return NULL;
}

// --- opening, taking -----------------------------------------------------------------------------

static bool make_slots(Loader *l)
{
    size_t item = (size_t)shape_item(l->feed->image), batch = (size_t)l->o.batch;
    l->slots = calloc((size_t)l->o.ahead, sizeof *l->slots);
    for (int i = 0; l->slots && i < l->o.ahead; i++) {
        l->slots[i].images = malloc(item * batch * sizeof(float));
        l->slots[i].labels = malloc(batch * sizeof(int32_t));
        if (!l->slots[i].images || !l->slots[i].labels)
            return false;
    }
    return l->slots != NULL;
}

Loader *loader_open(const Feed *f, const LoaderOptions *o, char err[DATA_ERROR])
{
    Loader *l = calloc(1, sizeof *l);
    if (!l) {
        snprintf(err, DATA_ERROR, "out of memory");
        return NULL;
    }
    *l = (Loader){ .feed = f, .o = *o, .claimed = o->first, .given = o->first, .freed = o->first };
    l->epoch_batches = loader_epoch_batches(f, o->batch, o->testing);
    l->end = o->testing ? l->epoch_batches : INT64_MAX;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    err[0] = 0;
    if (!make_slots(l))
        snprintf(err, DATA_ERROR, "out of memory for batches of %d images", o->batch);
    int wanted = o->threads < LOADER_THREADS ? o->threads : LOADER_THREADS;
    while (!err[0] && l->thread_count < wanted &&
           !pthread_create(&l->threads[l->thread_count], NULL, loader_run, l))
        l->thread_count++;
    if (!err[0] && !l->thread_count)
        snprintf(err, DATA_ERROR, "cannot start a thread");
    if (err[0]) {
        loader_close(l);
        return NULL;
    }
    return l;
}

void loader_close(Loader *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    for (int i = 0; i < l->thread_count; i++)
        pthread_join(l->threads[i], NULL);
    for (int i = 0; l->slots && i < l->o.ahead; i++) {
        free(l->slots[i].images);
        free(l->slots[i].labels);
    }
    free(l->slots);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

Batch *loader_next(Loader *l, char err[DATA_ERROR])
{
    err[0] = 0;
    if (l->given >= l->end)
        return NULL;
    Batch *b = &l->slots[l->given % l->o.ahead];
    double from = clock_seconds();
    pthread_mutex_lock(&l->lock);
    while (!(b->ready && b->number == l->given))
        pthread_cond_wait(&l->changed, &l->lock);
    pthread_mutex_unlock(&l->lock);
    l->waited += clock_seconds() - from;
    if (b->failed) {
        snprintf(err, DATA_ERROR, "%s", b->bad ? b->bad_text[0] : "too many damaged samples");
        return NULL;
    }
    l->given++;
    return b;
}

void loader_done(Loader *l, Batch *b)
{
    pthread_mutex_lock(&l->lock);
    b->ready = false;
    l->freed = b->number + 1;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

double loader_waited(const Loader *l)
{
    return l->waited;
}
