// Every kernel of the CUDA target by its numbers: all groups of small nets, forward, backward and update, in
// every precision, run on the virtual GPU with everything watched and compared with the evaluator's doubles.
// Each net is a process of its own, as many at a time as there are CPUs.
#include "reference/cuda_jobs.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

enum { LEAST_KERNELS = 150 };
#ifdef __SANITIZE_ADDRESS__
#define MOST_SECONDS 600.0             // and half a dozen programs beside it
#else
#define MOST_SECONDS 60.0
#endif

// The bodies that no small net may leave out.
static void check_reach(const CudaJobs *jobs)
{
    const char *missing = NULL;
    for (int b = 0; cuda_bodies[b].name; b++) {
        print_message("%s%s: %d", b ? ", " : "", cuda_bodies[b].name, jobs->runs[b]);
        missing = jobs->runs[b] ? missing : cuda_bodies[b].name;
    }
    print_message("\n");
    if (missing)
        fail_msg("nothing is done by %s", missing);
}

static void test_numbers(void **state)
{
    (void)state;
    CudaJobs jobs = { .nets = cuda_nets };
    if (!cuda_jobs_run(&jobs))
        skip();
    print_message("%d kernel cases in %.1f s\n", jobs.kernels, jobs.seconds);
    assert_int_equal(jobs.failed, 0);
    if (!getenv("CLEAVE_TEST_NETS"))
        check_reach(&jobs);
    assert_true(getenv("CLEAVE_TEST_NETS") || jobs.kernels >= LEAST_KERNELS);
    if (jobs.seconds > MOST_SECONDS)
        print_message("that is longer than %.0f s\n", MOST_SECONDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers) };
    return cmocka_run_group_tests_name("cuda kernels", tests, NULL, NULL);
}
