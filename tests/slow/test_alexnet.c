// AlexNet of 2012 on two logical devices, trained for 20 steps on one batch of noise, without
// dropout and with the last weights 0: the losses, the memory that it really takes, the guards.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/resident.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

enum { STEPS = 20 };
static const double MIB = 1 << 20;

typedef struct { double loss[STEPS + 1]; int count; } Losses;

static void told(void *context, const TrainReport *r)
{
    Losses *l = context;
    if (r->kind == TRAIN_EPOCH && l->count < STEPS)        // of one step each
        l->loss[l->count++] = r->loss;
}

static int64_t planned_bytes(const Program *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->device_count; i++)
        sum += p->devices[i].arena_bytes;
    return sum;
}

static void test_alexnet(void **state)
{
    (void)state;
    static const Override set[] = { { "rate", "0" }, { "fc3.init", "constant(0)" } };
    FrontOptions front = { .overrides = set, .override_count = 2 };
    static Training t;
    static Losses l;
    int64_t before, after, most;
    training_compile(&t, "bench/one_batch.net", &front);
    assert_int_equal(t.c.program->device_count, 2);
    assert_true(resident_bytes(&before, &most));
    training_start(&t, 0, 1);
    t.o.steps = STEPS;
    t.o.tell = told;
    t.o.context = &l;
    assert_int_equal(chdir(folder_path()), 0);         // for run.jsonl
    training_run(&t);
    assert_true(resident_bytes(&after, &most));
    double plan = (double)planned_bytes(t.c.program) / MIB, grown = (double)(most - before) / MIB;
    print_message("batch 32, %d steps: first loss %.6f, last %.6f\n", l.count, l.loss[0], l.loss[STEPS - 1]);
    print_message("plan %.1f MiB, resident memory grew by at most %.1f MiB (plan %+.1f)\n", plan, grown,
                  grown - plan);
    if (!session_check_guards(t.s, t.err))
        fail_msg("%s", t.err);
    assert_int_equal(l.count, STEPS);
    assert_true(fabs(l.loss[0] - log(1000)) < 1e-5);
    assert_true(l.loss[STEPS - 1] < l.loss[0] - 0.5);
    assert_true(grown <= plan + 64);
    training_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_alexnet) };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
