// The pool: every item once, whatever the number of threads; many short jobs one after another.
#include "runtime/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { ITEMS = 1000 };

typedef struct { int done[ITEMS]; } Job;

static void count(void *context, int64_t item, const PoolWorker *worker)
{
    Job *job = context;
    job->done[item]++;
    memset(worker->scratch, worker->index, 64);          // its own: no other may write there
    ((int *)worker->scratch)[0] = (int)item;
    assert_int_equal(((int *)worker->scratch)[0], item);
}

static void test_every_item_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        Pool *p = pool_open(threads, 64);
        assert_non_null(p);
        assert_int_equal(pool_threads(p), threads);
        for (int round = 0; round < 500; round++) {
            Job job = { .done = { 0 } };
            int64_t items = round % 7 ? round % 29 : ITEMS;
            pool_run(p, items, count, &job);
            for (int i = 0; i < ITEMS; i++)
                assert_int_equal(job.done[i], i < items);
        }
        pool_close(p);
    }
}

static void test_closes_unused(void **state)
{
    (void)state;
    pool_close(pool_open(3, 0));
    pool_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_item_once),
        cmocka_unit_test(test_closes_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
