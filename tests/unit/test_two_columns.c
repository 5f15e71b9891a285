// A net in two columns, trained on the CPU target: whatever the map and the number of threads, with
// poisoned receive buffers, and with both parts on one logical device, every parameter has the same
// bits after 20 steps; what is copied is what `show comm` says.
#include "compile.h"
#include "runtime/session.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCH = 6, STEPS = 20, PIXELS = 3 * 12 * 12, CLASSES = 5 };

// Floats that cross for one image and pass: relu -> c2 and f1 -> f2 both ways, f1's relu at the join.
enum { CROSSING = 2 * (8 * 6 * 6) + 2 * 6 + 6 };

static const char net_text[] =
    "net two : 3x12x12 -> 5 {\n"
    "  split(%s) {\n"
    "    conv(16, 3, stride = 2, pad = 1) -> relu -> lrn(n = 3) -> all\n"
    "    -> conv(16, 3, pad = 1) -> relu -> pool(2) -> fc(12) -> relu -> dropout(0.5)\n"
    "    -> all -> fc(12) -> relu\n"
    "  }\n"
    "  -> fc(5) -> softmax\n"
    "}\n"
    "data d { train = random(5, 3x12x12, 1) }\n"
    "train two on d { loss = cross_entropy  batch = 6  epochs = 1  solver = sgd(lr = 0.1) }\n";

typedef struct {
    float  *params;                    // all of them, one behind the other
    int64_t count, copied;
    double  loss;                      // of the last step
} Run;

static void write_net(char path[64], const char *split)
{
    strcpy(path, "/tmp/two_columns_XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, net_text, split);
    fclose(f);
}

// The same numbers for every run.
static void fill(float *images, int32_t *labels, unsigned step)
{
    unsigned state = 12345 + step;
    for (int i = 0; i < BATCH * PIXELS; i++) {
        state = state * 1664525u + 1013904223u;
        images[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
    for (int i = 0; i < BATCH; i++)
        labels[i] = (int32_t)((step + (unsigned)i) % CLASSES);
}

static void train(Session *s, unsigned steps, Run *run)
{
    static float images[BATCH * PIXELS];
    int32_t labels[BATCH];
    const float *inputs[1] = { images };
    char err[SESSION_ERROR];
    int sequence = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    for (unsigned step = 0; step < steps; step++) {
        SessionResult result;
        fill(images, labels, step);
        if (!session_run(s, sequence, inputs, labels, &result, err))
            fail_msg("%s", err);
        assert_false(result.stopped);
        assert_int_equal(result.images, BATCH);
        run->loss = result.loss / result.images;
    }
    if (!session_check_guards(s, err))
        fail_msg("%s", err);
    run->copied = session_copied_bytes(s);
}

static void read_params(Session *s, Run *run)
{
    const Program *p = session_program(s);
    char err[SESSION_ERROR];
    run->count = 0;
    for (int i = 0; i < p->param_count; i++)
        run->count += shape_count(p->params[i].shape);
    run->params = calloc((size_t)run->count, sizeof *run->params);
    float *at = run->params;
    for (int i = 0; i < p->param_count; at += shape_count(p->params[i++].shape))
        assert_true(session_read_param(s, i, at, err));
}

static Run run_net(const char *split, const char *map, int threads, bool poison, unsigned steps)
{
    char path[64], err[SESSION_ERROR];
    write_net(path, split);
    Compilation c;
    CompileOptions options = { .modes = 1u << GRAPH_TRAIN };
    if (!compile_file(&c, &options, path)) {
        diag_print(&c.diag, stderr, false);
        fail_msg("%s", c.err);
    }
    unlink(path);
    SessionOptions o = { .map = map, .threads = threads, .seed = 3 };
    Session *s = session_open(c.program, &o, err);
    if (!s)
        fail_msg("%s", err);
    ParamRates rates[16];
    assert_true(c.program->param_count <= 16);
    for (int i = 0; i < 16; i++)
        rates[i] = (ParamRates){ 0.05f, 0.9f, 0.0005f, 0 };
    session_set_rates(s, rates);
    session_poison(s, poison);
    Run run = { 0 };
    train(s, steps, &run);
    read_params(s, &run);
    session_close(s);
    compile_close(&c);
    return run;
}

static void every_map_gives_the_same_bits(void **state)
{
    (void)state;
    static const struct { const char *split, *map; int threads; bool poison; } ways[] = {
        { "gpu0, gpu1", "",                       2, false },
        { "gpu0, gpu1", "gpu0=cpu:0,gpu1=cpu:1",  1, true  },
        { "gpu0, gpu1", "gpu0=cpu:0,gpu1=cpu:1",  2, true  },
        { "gpu0, gpu1", "gpu0=cpu:1,gpu1=cpu:0",  4, true  },
        { "2",          "",                       1, false },
        { "2",          "",                       2, true  },
    };
    Run start = run_net("gpu0, gpu1", "", 1, true, 0);
    Run first = run_net("gpu0, gpu1", "", 1, true, STEPS);
    assert_true(memcmp(start.params, first.params, (size_t)first.count * sizeof *first.params) != 0);
    assert_true(first.loss > 0 && first.loss < 10);
    assert_int_equal(first.copied, (int64_t)4 * 2 * CROSSING * BATCH * STEPS);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        Run run = run_net(ways[i].split, ways[i].map, ways[i].threads, ways[i].poison, STEPS);
        assert_int_equal(run.count, first.count);
        if (memcmp(run.params, first.params, (size_t)run.count * sizeof *run.params))
            fail_msg("way %zu: other bits", i);
        assert_true(run.loss == first.loss);
        assert_int_equal(run.copied, ways[i].split[0] == '2' ? 0 : first.copied);
        free(run.params);
    }
    free(first.params);
    free(start.params);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_map_gives_the_same_bits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
