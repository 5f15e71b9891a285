// Views, a plateau and all: a run resumed from any of its checkpoints, within an epoch and behind
// events that have changed rates, ends with the bits of the uninterrupted one; `keep` keeps the
// newest and the best.
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/train/memory.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

// Five steps an epoch, twenty in all. fc1.lr is not set before the event.
static const char net_text[] =
    "net tiny : 1x6x6 -> 3 { conv(4, 3) -> relu -> dropout(0.5) -> fc(3) -> softmax }\n"
    "data made {\n"
    "  train = random(3, 1x7x7, seed = 4, count = 40)  test = random(3, 1x8x8, seed = 5, count = 11)\n"
    "  augment = crop(6, at = random) -> mirror(0.5) -> scale(1 / 256)\n"
    "  views = crop(6, at = corners) -> mirror(both) -> scale(1 / 256)\n"
    "}\n"
    "train tiny on made {\n"
    "  loss = cross_entropy  report = top(1)  batch = 8  epochs = 4\n"
    "  solver = sgd(lr = inv(0.05, 0.1, 0.75), momentum = 0.9, decay = 0.001)\n"
    "  when epoch == 1 { fc1.lr = 0.01  solver.momentum = 0.5 }\n"
    "  when plateau(top(1), patience = 1, times = 2) { solver.decay = solver.decay / 2 }\n"
    "  when loss < 100 and epoch == 2 { solver.lr = solver.lr / 10 }\n"
    "  every 7 steps { save(\"at{step}.safetensors\") }\n"
    "  every step { save(\"kept{step}.safetensors\", keep = 2) }\n"
    "  every epoch { test() }\n"
    "}\n";

static Training *train(int threads, const char *resume)
{
    const char *path = in_folder("tiny.net");
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(net_text, out);
    fclose(out);
    FrontOptions front = { .seed = 3 };
    Training *t = training_open(path, &front, threads);
    t->o.out = folder_path();
    t->o.resume = resume;
    training_run(t);
    return t;
}

static void test_resumed_runs_end_alike(void **state)
{
    (void)state;
    Training *whole = train(1, NULL);
    static const char *const from[] = { "at7.safetensors", "at14.safetensors", "kept19.safetensors" };
    for (int i = 0; i < 3; i++) {
        Training *again = train(1 + i % 2, in_folder(from[i]));
        assert_int_equal(session_step(again->s), 20);
        training_assert_same(whole, again);
        training_free(again);
    }
    training_free(whole);
}

// The lines of the log from `event` on, of the run that is complete.
static void test_log_of_a_resumed_run(void **state)
{
    (void)state;
    FILE *in = fopen(in_folder("run.jsonl"), "r");
    char line[512];
    int epochs = 0, ends = 0, schemas = 0;
    while (fgets(line, sizeof line, in)) {
        epochs += strstr(line, "\"event\":\"epoch\"") != NULL;
        ends += strstr(line, "\"event\":\"end\"") != NULL;
        schemas += strstr(line, "\"schema\":1") != NULL;
    }
    fclose(in);
    assert_int_equal(epochs, 4);                   // none twice
    assert_true(ends >= 1 && schemas >= 2);
}

static void test_keep(void **state)
{
    (void)state;
    training_free(train(1, NULL));
    int there = 0;
    for (int step = 1; step <= 20; step++) {
        char name[32];
        snprintf(name, sizeof name, "kept%d.safetensors", step);
        there += access(in_folder(name), R_OK) == 0;
    }
    assert_in_range(there, 2, 3);
    assert_int_equal(access(in_folder("kept20.safetensors"), R_OK), 0);
    assert_int_equal(access(in_folder("kept19.safetensors"), R_OK), 0);
}

static void test_memory_is_read_with_suspicion(void **state)
{
    (void)state;
    Action save = { .kind = ACTION_SAVE, .keep = 1 };
    Event event = { .kind = EVENT_WHEN, .actions = &save, .action_count = 1 };
    TrainRecipe t = { .setting_count = 2, .events = &event, .event_count = 1 };
    Memory m, back;
    assert_true(memory_open(&m, &t));
    m.fixed[1] = 1.0 / 3;
    m.was_true[0] = true;
    m.sum.loss = 0.1;
    m.files[m.file_count++] = (KeptFile){ strdup("a \"quoted\" name"), &save, 0.25 };
    char *text = memory_text(&m, &t);
    assert_true(memory_open(&back, &t));
    assert_true(memory_read(&back, &t, text));
    assert_memory_equal(&back.fixed[1], &m.fixed[1], sizeof(double));
    assert_memory_equal(&back.sum.loss, &m.sum.loss, sizeof(double));
    assert_true(back.was_true[0] && back.files[0].by == &save);
    assert_string_equal(back.files[0].path, m.files[0].path);
    memory_close(&back);
    t.event_count = 0;                             // another recipe
    assert_true(memory_open(&back, &t));
    assert_false(memory_read(&back, &t, text));
    memory_close(&back);
    for (size_t cut = 0; cut < strlen(text); cut += 5) {
        t.event_count = 1;
        char *part = strndup(text, cut);
        assert_true(memory_open(&back, &t));
        assert_false(memory_read(&back, &t, part));
        memory_close(&back);
        free(part);
    }
    free(text);
    memory_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resumed_runs_end_alike),
        cmocka_unit_test(test_log_of_a_resumed_run),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_memory_is_read_with_suspicion),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
