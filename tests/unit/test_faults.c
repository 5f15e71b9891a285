// What can go wrong in a run: two runs in one folder, a disk that is full, a folder that is gone,
// numbers that are not finite. Nothing that was good may be lost, and what is said must be right.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/lock.h"
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char net_text[] =
    "net tiny : 1x6x6 -> 3 { conv(8, 3) -> relu -> fc(32) -> relu -> fc(3) -> softmax }\n"
    "data made { train = random(3, 1x6x6, seed = 4, count = 40) -> scale(1 / 256) }\n"
    "train tiny on made {\n"
    "  loss = cross_entropy  batch = 8  epochs = 4\n"
    "  solver = sgd(lr = 0.01, momentum = 0.9)\n"
    "  every epoch { save(\"at{epoch}.safetensors\") }\n"
    "}\n";

static Training *open_tiny(const char *name, const char *value)
{
    const char *path = in_folder("tiny.net");
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(net_text, out);
    fclose(out);
    Override set = { name, value };
    FrontOptions front = { .seed = 3, .overrides = &set, .override_count = name != NULL };
    Training *t = training_open(path, &front, 1);
    t->o.out = in_folder("run");
    mkdir(t->o.out, 0777);
    return t;
}

static bool is_there(const char *name)
{
    return access(in_folder(name), R_OK) == 0;
}

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void test_one_run_a_folder(void **state)
{
    (void)state;
    RunLock first, second;
    char err[LOCK_ERROR], self[32];
    snprintf(self, sizeof self, "process %ld;", (long)getpid());
    assert_true(lock_take(&first, folder_path(), err));
    assert_false(lock_take(&second, folder_path(), err));
    assert_says(err, self);
    Training *t = open_tiny(NULL, NULL);
    t->o.out = folder_path();
    assert_int_equal(train_run(t->s, &t->o, t->err), TRAIN_FAILED);
    assert_says(t->err, self);
    assert_false(is_there("run.jsonl"));
    lock_release(&first);
    assert_false(is_there("run.lock"));
    training_free(t);
}

// A file that a killed process has left names that process, but nobody holds it.
static void test_a_stale_lock_is_taken_over(void **state)
{
    (void)state;
    RunLock lock;
    char err[LOCK_ERROR], text[64] = "";
    FILE *out = fopen(in_folder("run.lock"), "w");
    fputs("process 1234567890\n", out);
    fclose(out);
    assert_true(lock_take(&lock, folder_path(), err));
    FILE *in = fopen(in_folder("run.lock"), "r");
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_int_equal(strtol(text + strlen("process "), NULL, 10), getpid());
    lock_release(&lock);
    assert_false(lock_take(&lock, in_folder("no such folder"), err));
    assert_says(err, "No such file");
}

// --- checkpoints that cannot be written ----------------------------------------------------------

typedef struct { int warnings, saves; char first[TRAIN_ERROR]; bool move; } Told;

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

// The first save finds the disk full, or the folder gone; the second one does not.
static void told(void *context, const TrainReport *r)
{
    Told *t = context;
    if (r->kind == TRAIN_EPOCH && r->epoch == 1) {
        if (t->move)
            rename(in_folder("run"), in_folder("gone"));
        else
            limit_files(4096);
    }
    if (r->kind == TRAIN_WARNED) {
        if (!t->warnings++)
            snprintf(t->first, sizeof t->first, "%s", r->text);
        if (t->move)
            rename(in_folder("gone"), in_folder("run"));
        else
            limit_files(RLIM_INFINITY);
    }
    t->saves += r->kind == TRAIN_SAVED;
}

static void assert_run_goes_on(bool move, const char *why)
{
    Training *t = open_tiny(NULL, NULL);
    Told seen = { .move = move };
    t->o.tell = told;
    t->o.context = &seen;
    assert_int_equal(train_run(t->s, &t->o, t->err), TRAIN_UNSAVED);
    assert_int_equal(session_step(t->s), 20);
    assert_int_equal(seen.warnings, 1);
    assert_int_equal(seen.saves, 3);
    assert_says(seen.first, why);
    assert_says(t->err, "1 checkpoint could not be written");
    assert_says(t->err, why);
    assert_false(is_there("run/at1.safetensors"));
    assert_true(is_there("run/at2.safetensors") && is_there("run/at4.safetensors"));
    char command[128];
    snprintf(command, sizeof command, "ls %s | grep -q tmp", in_folder("run"));
    assert_int_not_equal(system(command), 0);             // nothing half-written is left
    snprintf(command, sizeof command, "rm -r %s", in_folder("run"));
    assert_int_equal(system(command), 0);
    training_free(t);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_run_goes_on(false, "File too large");
}

static void test_a_folder_that_is_gone(void **state)
{
    (void)state;
    assert_run_goes_on(true, "No such file or directory");
}

// --- numbers that are not finite -----------------------------------------------------------------

static void assert_numerical_stop(const char *name, const char *value, const char *where, const char *what)
{
    Training *t = open_tiny(name, value);
    assert_int_equal(train_run(t->s, &t->o, t->err), TRAIN_NUMERICAL);
    assert_says(t->err, where);
    assert_says(t->err, what);
    training_free(t);
}

static void test_where_it_begins(void **state)
{
    (void)state;
    assert_numerical_stop("conv1.init", "constant(1e38)", "step 1 (epoch 1, batch 1 of 5)",
                          "(conv1, forward)");
    assert_numerical_stop("fc1.init", "constant(1e38)", "of 8 of its 8 images", "(fc1, forward)");
    assert_numerical_stop("fc2.lr", "1e39", "fc2.weights is not finite after step 1 (epoch 1)",
                          "it begins in `fc2.weights");
}

static void test_data_that_are_not_finite(void **state)
{
    (void)state;
    Training *t = open_tiny(NULL, NULL);
    t->data.train.add = 1e308 * 10;
    assert_int_equal(train_run(t->s, &t->o, t->err), TRAIN_NUMERICAL);
    assert_says(t->err, "the data are not");
    training_free(t);
}

// The second step's update spoils the weights; the epoch's save must not overwrite a good file.
static void test_spoilt_weights_are_not_saved(void **state)
{
    (void)state;
    Training *t = open_tiny(NULL, NULL);
    t->o.steps = 3;
    training_run(t);
    assert_true(is_there("run/last.safetensors"));
    struct stat before, after;
    stat(in_folder("run/last.safetensors"), &before);
    training_free(t);
    for (int steps = 1; steps < 4; steps++) {
        t = open_tiny("fc2.lr", "1e38");
        t->o.steps = steps;
        TrainEnd end = train_run(t->s, &t->o, t->err);
        int bad;
        char why[SESSION_ERROR];
        assert_true(session_bad_param(t->s, &bad, why));
        bool spoilt = bad >= 0;
        training_free(t);
        if (end == TRAIN_DONE) {                          // finite so far
            assert_false(spoilt);
            stat(in_folder("run/last.safetensors"), &before);
            continue;
        }
        assert_int_equal(end, TRAIN_NUMERICAL);
        stat(in_folder("run/last.safetensors"), &after);
        assert_int_equal(before.st_ino, after.st_ino);
        return;
    }
    fail_msg("the weights stayed finite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_run_a_folder),
        cmocka_unit_test(test_a_stale_lock_is_taken_over),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_a_folder_that_is_gone),
        cmocka_unit_test(test_where_it_begins),
        cmocka_unit_test(test_data_that_are_not_finite),
        cmocka_unit_test(test_spoilt_weights_are_not_saved),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
