// Threads that wait for jobs: for a short while by looking (jobs of a step follow each other within
// microseconds), then asleep, so that an idle session costs nothing and a busy machine is shared.
#include "runtime/pool.h"
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 4000, LINE = 64 };

typedef struct { Pool *pool; pthread_t id; PoolWorker self; } Worker;

struct Pool {
    int             threads, started;          // started: helpers, without the caller
    Worker         *workers;                   // [0] is whoever calls pool_run
    PoolItem       *run;                       // the job: written before `job` is counted up
    void           *context;
    int64_t         items;
    pthread_mutex_t mutex;                     // only for going to sleep and waking up
    pthread_cond_t  posted, finished;
    alignas(LINE) atomic_uint  job;            // counts the jobs
    atomic_bool                closing;
    atomic_int                 asleep;         // helpers
    atomic_bool                caller_asleep;
    alignas(LINE) atomic_llong next;           // the next item
    alignas(LINE) atomic_int   busy;           // helpers at work on this job
    atomic_bool                is_open;        // it may be joined: fields and `next` are set
};

static void take_items(Pool *p, const PoolWorker *w)
{
    for (;;) {
        int64_t item = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (item >= p->items)
            return;
        p->run(p->context, item, w);
    }
}

// Waits until there is a job after `seen`, or the end.
static void await_job(Pool *p, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->job, memory_order_acquire) != seen || atomic_load(&p->closing))
            return;
        pool_pause();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->asleep, 1);           // before the last look: who posts looks at it after
    while (atomic_load(&p->job) == seen && !atomic_load(&p->closing))
        pthread_cond_wait(&p->posted, &p->mutex);
    atomic_fetch_sub(&p->asleep, 1);
    pthread_mutex_unlock(&p->mutex);
}

// A helper that comes too late is not waited for: on a busy machine it may come milliseconds late.
// It counts itself in before it looks whether the job is open; the caller closes the job before it
// looks who is in: one of them sees the other.
static bool join(Pool *p)
{
    atomic_fetch_add(&p->busy, 1);
    return atomic_load(&p->is_open);
}

static void report_done(Pool *p)
{
    if (atomic_fetch_sub(&p->busy, 1) != 1 || !atomic_load(&p->caller_asleep))
        return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_signal(&p->finished);
    pthread_mutex_unlock(&p->mutex);
}

static void *help(void *argument)
{
    Worker *w = argument;
    Pool *p = w->pool;
    for (unsigned seen = 0;;) {
        await_job(p, seen);
        if (atomic_load(&p->closing))
            return NULL;
        seen = atomic_load(&p->job);
        if (join(p))
            take_items(p, &w->self);
        report_done(p);
    }
}

static void await_helpers(Pool *p)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&p->busy, memory_order_acquire) == 0)
            return;
        pool_pause();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->caller_asleep, true);
    while (atomic_load(&p->busy))
        pthread_cond_wait(&p->finished, &p->mutex);
    atomic_store(&p->caller_asleep, false);
    pthread_mutex_unlock(&p->mutex);
}

void pool_run(Pool *p, int64_t items, PoolItem *run, void *context)
{
    if (p->threads == 1 || items < 2) {
        for (int64_t i = 0; i < items; i++)
            run(context, i, &p->workers[0].self);
        return;
    }
    p->run = run;
    p->context = context;
    p->items = items;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store(&p->is_open, true);
    atomic_fetch_add(&p->job, 1);
    if (atomic_load(&p->asleep)) {
        pthread_mutex_lock(&p->mutex);
        pthread_cond_broadcast(&p->posted);
        pthread_mutex_unlock(&p->mutex);
    }
    take_items(p, &p->workers[0].self);
    atomic_store(&p->is_open, false);
    await_helpers(p);
}

int pool_threads(const Pool *p) { return p->threads; }

void pool_close(Pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    atomic_store(&p->closing, true);
    pthread_cond_broadcast(&p->posted);
    pthread_mutex_unlock(&p->mutex);
    for (int i = 1; i <= p->started; i++)
        pthread_join(p->workers[i].id, NULL);
    for (int i = 0; i < p->threads && p->workers; i++)
        free(p->workers[i].self.scratch);
    pthread_cond_destroy(&p->posted);
    pthread_cond_destroy(&p->finished);
    pthread_mutex_destroy(&p->mutex);
    free(p->workers);
    free(p);
}

static bool start(Pool *p, int64_t scratch_bytes)
{
    size_t scratch = ((size_t)scratch_bytes + LINE) / LINE * LINE;
    if (!p->workers)
        return false;
    for (int i = 0; i < p->threads; i++) {
        Worker *w = &p->workers[i];
        *w = (Worker){ .pool = p, .self = { i, aligned_alloc(LINE, scratch) } };
        if (!w->self.scratch || (i && pthread_create(&w->id, NULL, help, w)))
            return false;
        p->started = i;
    }
    return true;
}

Pool *pool_open(int threads, int64_t scratch_bytes)
{
    Pool *p = aligned_alloc(LINE, (sizeof *p + LINE - 1) / LINE * LINE);
    if (!p)
        return NULL;
    *p = (Pool){ .threads = threads, .workers = calloc((size_t)threads, sizeof(Worker)) };
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->posted, NULL);
    pthread_cond_init(&p->finished, NULL);
    if (start(p, scratch_bytes))
        return p;
    pool_close(p);
    return NULL;
}
