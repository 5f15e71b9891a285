// A run that was interrupted after events have changed rates goes on with the changed rates, and
// ends with the bits of the run that was not; also from the middle of an epoch.
#include "compile.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/train.h"
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char net_text[] =
    "net t : 1x6x6 -> 4 { conv(8, 3) -> relu -> fc(4) -> softmax }\n"
    "data d { train = random(4, 1x6x6, count = 64) -> scale(1 / 256)  center = mean(pixel) }\n"
    "train t on d {\n"
    "  loss = cross_entropy  report = top(1)  batch = 16  epochs = 6\n"
    "  solver = sgd(lr = 0.1, momentum = 0.9)\n"
    "  when epoch == 1 { solver.lr = solver.lr / 3 }\n"
    "  every 6 steps { save(\"s-{step}.safetensors\") }\n"
    "  every 3 epochs { save(\"e-{epoch}.safetensors\") }\n"
    "}\n";

static char folder[] = "/tmp/cleave-resume-XXXXXX";

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

// Trains to the end, from `resume` (NULL: from the start); the weights in one piece. Caller frees.
static float *train(const char *resume, size_t *count)
{
    static Compilation c;
    char path[128], from[128], err[TRAIN_ERROR];
    snprintf(path, sizeof path, "%s/t.net", folder);
    snprintf(from, sizeof from, "%s/%s", folder, resume ? resume : "");
    CompileOptions o = { .front = { .seed = 1 }, .modes = 1 << GRAPH_TRAIN };
    if (!compile_file(&c, &o, path)) {
        diag_print(&c.diag, stderr, false);
        fail_msg("%s", c.err);
    }
    Session *s = session_open(c.program, &(SessionOptions){ .threads = 1, .seed = 1 }, err);
    Data data;
    Span at;
    DataOptions d = { .recipe = &c.recipe.data, .train = true, .image = { 1, 1, 6, 6 },
                      .classes = 4, .threads = 1 };
    if (!s || !data_open(&data, &d, &at, err))
        fail_msg("%s", err);
    TrainOptions t = { .data = &data, .out = folder, .resume = resume ? from : NULL,
                       .loader_threads = 1 };
    if (train_run(s, &t, err) != TRAIN_DONE)
        fail_msg("%s", err);
    *count = 0;
    float *all = NULL;
    for (int i = 0; i < c.program->param_count; i++) {
        size_t n = (size_t)shape_count(c.program->params[i].shape);
        all = realloc(all, (*count + n) * sizeof *all);
        assert_true(session_read_param(s, i, all + *count, err));
        *count += n;
    }
    data_close(&data);
    session_close(s);
    compile_close(&c);
    return all;
}

static void changed_rates_survive(void **state)
{
    (void)state;
    char path[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t.net", folder);
    FILE *f = fopen(path, "w");
    fputs(net_text, f);
    fclose(f);
    size_t n, m;
    float *whole = train(NULL, &n);
    static const char *const from[] = { "s-6.safetensors", "e-3.safetensors", "s-18.safetensors" };
    for (int i = 0; i < 3; i++) {
        float *resumed = train(from[i], &m);
        assert_int_equal(n, m);
        assert_memory_equal(whole, resumed, n * sizeof *whole);
        free(resumed);
    }
    free(whole);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(changed_rates_survive) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
