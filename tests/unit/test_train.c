// The whole way: nets/digits.net trained for a few steps on real digits; a run that is interrupted
// and resumed ends with the same bits, and so does one with another number of threads.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/checkpoint.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { STEPS = 60, HALF = 23 };

static Training *open_digits(int threads, int64_t steps)
{
    FrontOptions front = { .batch = 32, .seed = 1 };
    Training *t = training_open("nets/digits.net", &front, threads);
    t->o.out = folder_path();
    t->o.steps = steps;
    return t;
}

static void test_resume_and_threads(void **state)
{
    (void)state;
    const char *path = in_folder("half.safetensors");
    Training *whole = open_digits(1, STEPS), *first = open_digits(2, HALF), *second = open_digits(2, STEPS);
    training_run(whole);
    training_run(first);
    CheckpointState at = { .step = HALF, .seed = 1 };
    memcpy(at.plan_hash, first->c.program->plan_hash, sizeof at.plan_hash);
    if (!checkpoint_save(first->s, path, &at, first->err))
        fail_msg("%s", first->err);
    training_free(first);
    second->o.resume = path;
    training_run(second);
    training_assert_same(whole, second);
    training_free(whole);
    training_free(second);
}

// It learns: after three epochs fewer than a fifth of the test digits are wrong.
static void test_digits_are_learnt(void **state)
{
    (void)state;
    Training *t = open_digits(2, 0);
    t->o.epochs = 3;
    training_run(t);
    TrainReport report;
    assert_true(train_test(t->s, &t->o, &report, t->err));
    assert_true(report.metrics[0] > 0.8);
    training_free(t);
}

static unsigned draw(void)
{
    static unsigned seed = 7;
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

// Changes a byte to another one; true if the file is then taken. Puts it back.
static bool takes_damage(Training *t, const char *path, long place)
{
    FILE *f = fopen(path, "r+b");
    fseek(f, place, SEEK_SET);
    int old = fgetc(f);
    fseek(f, place, SEEK_SET);
    fputc(old ^ (int)(1 + draw() % 255), f);
    fflush(f);
    bool taken = checkpoint_load(t->s, path, NULL, t->err);
    fseek(f, place, SEEK_SET);
    fputc(old, f);
    fclose(f);
    return taken;
}

// No byte of a checkpoint can change without being found: reading it is an error then, never a crash.
static void test_damaged_checkpoints(void **state)
{
    (void)state;
    const char *path = in_folder("w.safetensors");
    Training *t = open_digits(1, 0);
    CheckpointState at = { .memory = (char *)"{\"hash\":\"a name that tries\"}" };
    assert_true(checkpoint_save(t->s, path, &at, t->err));
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fclose(f);
    for (int i = 0; i < 300; i++) {
        long place = (long)draw() % (i % 2 ? size : 1500);
        if (takes_damage(t, path, place))
            fail_msg("byte %ld is another one, and nobody has seen it", place);
        assert_non_null(strstr(t->err, path));
    }
    assert_true(checkpoint_load(t->s, path, NULL, t->err));
    assert_int_equal(truncate(path, 5000), 0);
    assert_false(checkpoint_load(t->s, path, NULL, t->err));
    training_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resume_and_threads),
        cmocka_unit_test(test_digits_are_learnt),
        cmocka_unit_test(test_damaged_checkpoints),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
