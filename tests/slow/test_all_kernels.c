// unit/test_cuda_kernels.c with every net in every precision.
#include "reference/cuda_jobs.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

static void test_all(void **state)
{
    (void)state;
    CudaJobs jobs = { .nets = cuda_nets, .all = true };
    if (!cuda_jobs_run(&jobs))
        skip();
    print_message("%d kernel cases in %.1f s\n", jobs.kernels, jobs.seconds);
    assert_int_equal(jobs.failed, 0);
    assert_true(jobs.kernels > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all) };
    return cmocka_run_group_tests_name("all cuda kernels", tests, NULL, NULL);
}
