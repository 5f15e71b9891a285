// Every kernel of the CUDA target by its numbers: all groups of small nets, forward, backward and update, in
// every precision, run on the virtual GPU with everything watched and compared with the evaluator's doubles.
// Each net is a process of its own, as many at a time as there are CPUs.
#include "reference/cuda_jobs.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
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

static void open_net(const char *name, Nvrtc *nvrtc, SmallNet *s, CudaCase *c)
{
    const CudaNet *net = cuda_nets;
    if (!cuda_open_nvrtc(nvrtc))
        skip();
    while (strcmp(net->name, name))
        net++;
    arena_open(&s->arena, 0, &s->exhausted);
    cuda_net_open(net, ELEMENT_TF32, nvrtc, s, c);
}

// A label that is no class, a score that is no number.
static void test_loss_stops(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    SmallNet s = { 0 };
    CudaCase c;
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    open_net("77 classes", &nvrtc, &s, &c);
    int i = 0;
    while (s.g->groups[i]->pattern != PATTERN_LOSS)
        i++;
    Group *loss = s.g->groups[i];
    cuda_case_check(&c, loss);
    c.stops = true;
    c.evaluator->label[2] = (double)s.g->scores->shape.c;
    cuda_case_check(&c, loss);
    c.evaluator->label[2] = 0;
    c.evaluator->value[s.g->scores->id][3] = (double)NAN;
    cuda_case_check(&c, loss);
    arena_close(&s.arena);
}

// Behind such a loss no kernel changes a parameter.
static void check_stopped(const char *name)
{
    Nvrtc nvrtc;
    SmallNet s = { 0 };
    CudaCase c;
    volatile int updates = 0;
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    open_net(name, &nvrtc, &s, &c);
    c.stops = c.stopped = true;
    for (int i = 0; i < s.g->group_count; i++)
        for (int k = 0; k < s.g->groups[i]->count; k++)
            if (op_has(s.g->groups[i]->nodes[k]->op, OP_UPDATE)) {
                cuda_case_check(&c, s.g->groups[i]);
                updates = updates + 1;
                break;
            }
    assert_true(updates > 2);
    arena_close(&s.arena);
}

static void test_stopped(void **state)
{
    (void)state;
    check_stopped("strides");                                // weights with biases, at once
    check_stopped("odd groups");                             // the same by bodies of single numbers
    check_stopped("pools 0, gradients stored");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_loss_stops), cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests_name("cuda kernels", tests, NULL, NULL);
}
