// What a run looks at while it goes on: losses that stand out, how far a step moves the weights, gradients
// that are not finite. What is found must be right, and where.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/spike.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void assert_says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static Training *open_net(const char *text)
{
    FILE *out = fopen(in_folder("tiny.net"), "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    FrontOptions front = { .seed = 3 };
    Training *t = training_open(in_folder("tiny.net"), &front, 1);
    mkdir(in_folder("run"), 0777);
    static char run[128];
    snprintf(run, sizeof run, "%s", in_folder("run"));
    t->o.out = run;
    return t;
}

// --- losses ----------------------------------------------------------------------------------------

static void test_spikes(void **state)
{
    (void)state;
    Spike s = { .count = 0 };
    double mean = 0, deviation = 0;
    for (int i = 0; i < SPIKE_STEPS; i++)                  // too early to say anything
        assert_false(spike_look(&s, i == 50 ? 100 : 2 + 0.01 * (i % 2 ? 1 : -1), &mean, &deviation));
    s = (Spike){ .count = 0 };
    for (int i = 0; i < 3 * SPIKE_STEPS; i++)
        assert_false(spike_look(&s, 2 + 0.1 * (i % 2 ? 1 : -1), &mean, &deviation));
    Spike copy = s;
    assert_false(spike_look(&copy, 2.59, &mean, &deviation));          // 5.9 deviations
    copy = s;
    assert_true(spike_look(&copy, 2.61, &mean, &deviation));
    assert_true(fabs(mean - 2) < 1e-12 && fabs(deviation - 0.1) < 1e-12);
    assert_false(spike_look(&copy, 9, &mean, &deviation));             // one of them is enough
    s = (Spike){ .count = 0 };
    for (int i = 0; i < SPIKE_STEPS; i++)
        spike_look(&s, 2, &mean, &deviation);
    assert_false(spike_look(&s, 2.1, &mean, &deviation));              // within a tenth
    assert_true(spike_look(&s, 2.9, &mean, &deviation));
}

static char warned[TRAIN_ERROR];

static void hear_warnings(void *context, const TrainReport *r)
{
    (void)context;
    if (r->kind == TRAIN_WARNED)
        snprintf(warned, sizeof warned, "%s", r->text);
}

// Labels are random, so the loss stays near log 3; at step 160 the rate makes it jump.
static void test_a_spike_is_told(void **state)
{
    (void)state;
    Training *t = open_net("net tiny : 1x4x4 -> 3 { fc(3) -> softmax }\n"
                           "data made { train = random(3, 1x4x4, count = 32) -> scale(1 / 256) }\n"
                           "train tiny on made { loss = cross_entropy  batch = 32  epochs = 170\n"
                           "  solver = sgd(lr = step == 160 ? 3000 : 1e-6, momentum = 0) }\n");
    t->o.tell = hear_warnings;
    *warned = 0;
    training_run(t);
    assert_says(warned, "the loss of step 162 is");
    assert_says(warned, "standard deviations above the mean 1.");
    char line[2048];
    int steps = 0, spikes = 0;
    FILE *in = fopen(in_folder("run/run.jsonl"), "r");
    while (fgets(line, sizeof line, in)) {
        steps += strstr(line, "\"event\":\"step\"") != NULL;
        spikes += strstr(line, "\"event\":\"warning\"") && strstr(line, "the loss of step 162");
    }
    fclose(in);
    assert_int_equal(steps, 3);
    assert_int_equal(spikes, 1);
    training_free(t);
}

// --- weights ---------------------------------------------------------------------------------------

typedef struct { Training *t; float before[96]; int looked; bool left; } Moves;

static void read_fc(Training *t, float *values)
{
    assert_true(session_read_param(t->s, session_find_param(t->s, "fc1.weights"), values, t->err));
}

static void look_at_moves(void *context, const TrainReport *r)
{
    Moves *m = context;
    if (r->kind == TRAIN_STEP && r->step == r->steps - 1)
        read_fc(m->t, m->before);
    if (r->kind == TRAIN_STEP)
        m->left |= r->seconds_left > 0;
    if (r->kind != TRAIN_EPOCH)
        return;
    float after[96];
    double change = 0, size = 0;
    read_fc(m->t, after);
    for (int i = 0; i < 96; i++) {
        change += pow((double)after[i] - m->before[i], 2);
        size += pow(m->before[i], 2);
    }
    for (int i = 0; i < r->update_count; i++)
        if (r->updates[i].name && !strcmp(r->updates[i].name, "fc1")) {
            assert_true(change > 0 && fabs(r->updates[i].size / sqrt(change / size) - 1) < 1e-12);
            m->looked++;
        }
}

static void test_moves_of_weights(void **state)
{
    (void)state;
    Training *t = open_net("net tiny : 1x4x4 -> 3 { conv(8, 3) -> relu -> fc(3) -> softmax }\n"
                           "data made { train = random(3, 1x4x4, count = 32) -> scale(1 / 256) }\n"
                           "train tiny on made { loss = cross_entropy  batch = 8  epochs = 3\n"
                           "  solver = nesterov(lr = 0.01, momentum = 0.9) }\n");
    Moves m = { .t = t };
    t->o.tell = look_at_moves;
    t->o.context = &m;
    training_run(t);
    assert_int_equal(m.looked, 3);
    assert_true(m.left);
    training_free(t);
}

// --- checkpoints that nobody asked for --------------------------------------------------------------

typedef struct { int saved, steps; } Saves;

static void count_saves(void *context, const TrainReport *r)
{
    Saves *s = context;
    s->saved += r->kind == TRAIN_SAVED;
    s->steps += r->kind == TRAIN_STEP;
}

// A run of 12 steps whose patience without a checkpoint is nil; the folder's last one is the last step's.
static void test_saved_unasked(void **state)
{
    (void)state;
    static const char text[] =
        "net tiny : 1x4x4 -> 3 { conv(8, 3) -> relu -> fc(3) -> softmax }\n"
        "data made { train = random(3, 1x4x4, count = 32) -> scale(1 / 256) }\n"
        "train tiny on made { loss = cross_entropy  batch = 8  epochs = 3  solver = sgd(lr = 0.01) }\n";
    Saves s = { 0 }, again = { 0 };
    for (int unasked = 0; unasked < 2; unasked++) {
        Training *t = open_net(text);
        t->o.save_seconds = unasked ? 1e-9 : 0;
        t->o.tell = count_saves;
        t->o.context = unasked ? &again : &s;
        training_run(t);
        assert_int_equal(access(in_folder("run/last.safetensors"), R_OK), 0);
        training_free(t);
    }
    assert_int_equal(s.steps, 12);
    assert_int_equal(s.saved, 1);                          // the last step
    assert_int_equal(again.saved, 12);
}

// --- gradients -------------------------------------------------------------------------------------

// The square root of what is cut off at 0 is finite, its gradient there is infinity times 0. At first the
// maps are positive; the rate of the third epoch makes them negative.
static const char root_text[] =
    "op root(x) = max(x, 0) ^ 0.5\n"
    "net tiny : 1x6x6 -> 3 {\n"
    "  conv(4, 3, init = constant(0.1), bias = 0.1)\n"
    "  -> root\n"
    "  -> fc(3, init = gaussian(0.1)) -> softmax\n"
    "}\n"
    "data made { train = random(3, 1x6x6, seed = 4, count = 40)  augment = scale(1 / 256) }\n"
    "train tiny on made {\n"
    "  loss = cross_entropy  batch = 8  epochs = 6  solver = sgd(lr = 1e-5, momentum = 0.9)\n"
    "  when epoch == 2 { solver.lr = 30 }\n"
    "  every epoch { save(\"at{epoch}.safetensors\") }\n"
    "}\n";

static void test_born_backward(void **state)
{
    (void)state;
    for (int out = 0; out < 2; out++) {
        Training *t = open_net(root_text);
        if (!out)
            t->o.out = NULL;                               // only what events save
        t->o.epochs = 6;
        char cwd[256];
        assert_non_null(getcwd(cwd, sizeof cwd));
        assert_int_equal(chdir(in_folder("run")), 0);
        assert_int_equal(train_run(t->s, &t->o, t->err), TRAIN_NUMERICAL);
        assert_int_equal(chdir(cwd), 0);
        print_message("%s\n", t->err);
        assert_says(t->err, "conv1.");
        assert_says(t->err, "is not finite after step 1");
        assert_says(t->err, "(epoch 3)");
        assert_says(t->err, "it begins in `");
        assert_says(t->err, "(root1, ");
        assert_says(t->err, "tiny.net:4");
        assert_says(t->err, "the last good checkpoint is ");
        assert_says(t->err, "at2.safetensors");
        training_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spikes),
        cmocka_unit_test(test_a_spike_is_told),
        cmocka_unit_test(test_moves_of_weights),
        cmocka_unit_test(test_saved_unasked),
        cmocka_unit_test(test_born_backward),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
