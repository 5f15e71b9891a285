// Schedules from text to rates, against vectors: PyTorch 1.13's OneCycleLR, CosineAnnealingLR and
// PolynomialLR; dexp's of cuda-convnet2's documentation; the others by their formula.
#include "compile.h"
#include "runtime/rates.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct {
    const char *text;
    int         steps;                 // of the run
    int         every;                 // value i is that of step i * every
    int         count;
    double      values[20];
} Row;

static const Row rows[] = {
    { "one_cycle(0.1)", 10, 1, 10,
      { 0.004, 0.052, 0.1, 0.0950484632, 0.08117456539, 0.06112620219, 0.03887419781, 0.01882583461,
        0.004951936799, 4e-07 } },
    { "one_cycle(0.1, last = 100, first = 10, up = 0.25)", 20, 1, 20,
      { 0.01, 0.02318019485, 0.055, 0.08681980515, 0.1, 0.09890847266, 0.09568159561, 0.09046039887,
        0.08347307379, 0.075025, 0.06548539887, 0.05527119674, 0.04482880326, 0.03461460113, 0.025075,
        0.01662692621, 0.009639601131, 0.004418404391, 0.001191527343, 0.0001 } },
    { "cosine(0.1, least = 0.01)", 10, 1, 11,
      { 0.1, 0.09779754323, 0.09140576475, 0.08145033635, 0.06890576475, 0.055, 0.04109423525, 0.02854966365,
        0.01859423525, 0.01220245677, 0.01 } },
    { "poly(0.1, 2)", 10, 1, 11, { 0.1, 0.081, 0.064, 0.049, 0.036, 0.025, 0.016, 0.009, 0.004, 0.001, 0 } },
    { "poly(0.1)", 10, 5, 3, { 0.1, 0.05, 0 } },
    { "dexp(0.01, 250, 4)", 100, 25, 5, { 1e-2, 1.587401052e-3, 2.519842100e-4, 4e-5, 4e-5 } },
    { "dexp(0.02, ratio = 10, parts = 2)", 8, 2, 4, { 2e-2, 2e-2, 2e-3, 2e-3 } },
    { "dexp(0.02, 10, 1)", 8, 7, 2, { 2e-2, 2e-2 } },
    { "exponential(0.01, 100)", 4, 1, 5, { 0.01, 0.003162277660, 0.001, 0.0003162277660, 0.0001 } },
    { "inv(0.01, 0.0001, 0.75)", 0, 10000, 2, { 0.01, 0.005946035575 } },
    { "step(0.5, 0.1, 1000)", 0, 999, 3, { 0.5, 0.5, 0.05 } },
    { "multistep(0.5, 0.1, 3, 5, 8)", 0, 1, 9, { 0.5, 0.5, 0.5, 0.05, 0.05, 5e-3, 5e-3, 5e-3, 5e-4 } },
    { "warmup(0.1, over = 4)", 0, 1, 6, { 0.025, 0.05, 0.075, 0.1, 0.1, 0.1 } },
    { "warmup(poly(0.1), 5)", 10, 2, 4, { 0.02, 0.048, 0.06, 0.04 } },
    { "0.1 * (1 - step / steps)", 10, 5, 3, { 0.1, 0.05, 0 } },
};

static Compilation compiled;

// The rate of a net whose solver has it; `says` NULL: it must be one.
static void compile_rate(const char *text, const char *says)
{
    char path[] = "/tmp/cleave-schedule-XX" "XX" "XX.net";
    int fd = mkstemps(path, 4);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(out);
    fprintf(out, "net n : 1x2x2 -> 2 { fc(2) -> softmax }\n"
                 "data d { train = random(2, 1x2x2) }\n"
                 "train n on d { loss = cross_entropy  batch = 2\n  solver = sgd(lr = %s) }\n", text);
    fclose(out);
    CompileOptions o = { .modes = 1 << GRAPH_TRAIN };
    bool made = compile_file(&compiled, &o, path);
    unlink(path);
    char *said = NULL;
    size_t size;
    FILE *messages = open_memstream(&said, &size);
    diag_print(&compiled.diag, messages, false);
    fclose(messages);
    if (made == (says != NULL) || (says && !strstr(said, says)))
        fail_msg("%s: %s", text, said);
    free(said);
}

static bool look_up(void *context, const char *name, double *value)
{
    const Row *row = context;
    *value = row->steps;
    return !strcmp(name, "steps");
}

static bool rate_at(const Row *row, double step, double *value, char *err)
{
    Rates r;
    double fixed[8];
    const TrainRecipe *t = &compiled.program->recipe.train;
    assert_in_range(t->setting_count, 1, 8);
    rates_open(&r, t, fixed);
    return rates_value(&r, "solver.lr", 0, step, look_up, (void *)row, value, err);
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const Row *row = &rows[i];
        compile_rate(row->text, NULL);
        for (int k = 0; k < row->count; k++) {
            double value;
            char err[RATES_ERROR] = "";
            if (!rate_at(row, (double)k * row->every, &value, err))
                fail_msg("%s: %s", row->text, err);
            if (fabs(value - row->values[k]) > 1e-9 * fabs(row->values[k]) + 1e-15)
                fail_msg("%s at step %d: %.12g, not %.12g", row->text, k * row->every, value, row->values[k]);
        }
        compile_close(&compiled);
    }
}

static void test_an_end_is_needed(void **state)
{
    (void)state;
    Row endless = { "cosine(0.1)", 0, 1, 1, { 0 } };
    double value;
    char err[RATES_ERROR] = "";
    compile_rate(endless.text, NULL);
    assert_false(rate_at(&endless, 0, &value, err));
    assert_string_equal(err, "`cosine` needs to know when the run ends: give `epochs` in the train section");
    compile_close(&compiled);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        { "cosin(0.1)", "did you mean `cosine`?" },
        { "poly(power = 2)", "`poly` needs its argument `base`" },
        { "cosine(0.1, lest = 0)", "did you mean `least`?" },
        { "multistep(0.1, 0.5)", "`multistep` needs its argument `at`" },
        { "warmup(0.1)", "`warmup` needs its argument `over`" },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        compile_rate(mistakes[i][0], mistakes[i][1]);
        compile_close(&compiled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_an_end_is_needed),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
