// A pool of threads: the items of a job are handed out one by one to whoever is free.
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H
#include <stdbool.h>
#include <stdint.h>

typedef struct Pool Pool;

// The thread that runs an item: its place in the pool and memory of its own, 64-byte aligned.
typedef struct { int index; void *scratch; } PoolWorker;
typedef void PoolItem(void *context, int64_t item, const PoolWorker *worker);

// `threads` of them, the one that calls pool_run included. NULL when they cannot be had.
Pool *pool_open(int threads, int64_t scratch_bytes);
void  pool_close(Pool *p);                               // NULL is allowed
int   pool_threads(const Pool *p);
// Calls run(context, i, worker) once for every i in 0..items-1, in any order and at once; returns
// when all are done, with everything they wrote visible. One caller at a time.
void  pool_run(Pool *p, int64_t items, PoolItem *run, void *context);
// A pause within a loop that waits for another thread.
static inline void pool_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("" ::: "memory");
#endif
}
#endif
