// The thread that writes.
#include "runtime/train/saver.h"
#include "runtime/durable.h"
#include <pthread.h>
#include <stdlib.h>

typedef enum { IDLE, GIVEN, ENDED, CLOSING } State;

struct Saver {
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    State           state;
    SaverJob        job;
};

static void *work(void *context)
{
    Saver *s = context;
    pthread_mutex_lock(&s->lock);
    while (s->state != CLOSING) {
        if (s->state != GIVEN) {
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        SaverJob *job = &s->job;
        job->is_written = durable_write(job->path, job->image.bytes, job->image.size, job->err);
        checkpoint_free(&job->image);
        pthread_mutex_lock(&s->lock);
        s->state = ENDED;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

Saver *saver_open(void)
{
    Saver *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (pthread_create(&s->thread, NULL, work, s) == 0)
        return s;
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

void saver_close(Saver *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    while (s->state == GIVEN)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->state == ENDED)
        free(s->job.path);
    s->state = CLOSING;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void saver_start(Saver *s, const SaverJob *job)
{
    pthread_mutex_lock(&s->lock);
    s->job = *job;
    s->state = GIVEN;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool saver_take(Saver *s, bool wait, SaverJob *job)
{
    pthread_mutex_lock(&s->lock);
    while (wait && s->state == GIVEN)
        pthread_cond_wait(&s->changed, &s->lock);
    bool ended = s->state == ENDED;
    if (ended) {
        *job = s->job;
        s->state = IDLE;
    }
    pthread_mutex_unlock(&s->lock);
    return ended;
}
