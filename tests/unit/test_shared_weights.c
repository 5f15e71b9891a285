// Weights that several stages share, on the CPU target: one step of training leaves every parameter
// where the evaluator has it. The stages differ in what their weights would be stored as: over the
// image, over blocks, over channels cut in other pieces, in parts, on two devices.
#include "compile.h"
#include "evaluate/evaluate.h"
#include "runtime/initial.h"
#include "runtime/session.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCH = 3, STEPS = 2, PIXELS = 3 * 8 * 8, CLASSES = 4 };

static const char *const bodies[] = {
    "conv(8, 3, pad = 1) -> relu -> conv(8, 3, pad = 1) as t -> relu -> t -> relu -> t -> fc(4)",
    "conv(3, 3, pad = 1) as t -> relu -> t -> tanh -> t -> fc(4)",
    "fc(20) -> fc(20) as t -> tanh -> t -> fc(4)",
    "conv(8, 3) -> conv(8, 3, pad = 1, groups = 2) as t -> relu -> t -> fc(4)",
    "a = conv(8, 3, pad = 1)  c = a -> conv(8, 3, pad = 1) as t\n"
    "a -> branch { conv(4, 1) conv(4, 3, pad = 1) } -> t -> add(c) -> relu -> t -> fc(4)",
    "conv(20, 3, stride = 2) as t -> slice(0, 3) -> t -> fc(4)",
    "split(gpu0, gpu1) { conv(8, 3, pad = 1) -> relu -> conv(8, 3, pad = 1) as t -> relu -> t } -> fc(4)",
    "conv(8, 3, pad = 1) as s -> relu -> conv(8, 3, pad = 1) as t on a -> relu -> t on b -> fc(4)",
};

static void compile_body(Compilation *c, const char *body)
{
    char path[] = "/tmp/cleave-shared-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "net n : 3x8x8 -> 4 {\n%s\n}\ndata d { train = random(4, 3x8x8) }\n"
            "train n on d { loss = cross_entropy  batch = %d  epochs = 1  solver = sgd(lr = 1) }\n",
            body, BATCH);
    fclose(f);
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN };
    bool made = compile_file(c, &o, path);
    unlink(path);
    if (!made) {
        diag_print(&c->diag, stderr, false);
        fail_msg("%s: %s", body, c->err);
    }
}

static void copy_params(Session *s, Evaluator *e)
{
    static float values[1 << 16];
    char err[SESSION_ERROR];
    const Program *p = session_program(s);
    for (int i = 0; i < p->param_count; i++) {
        int64_t count = shape_count(p->params[i].shape);
        double *to = evaluator_param(e, p->params[i].name);
        assert_true(count <= 1 << 16 && to && session_read_param(s, i, values, err));
        for (int64_t k = 0; k < count; k++)
            to[k] = values[k];
    }
}

static void compare_params(Session *s, const Evaluator *e, const char *body)
{
    static float values[1 << 16];
    char err[SESSION_ERROR];
    const Program *p = session_program(s);
    for (int i = 0; i < p->param_count; i++) {
        const double *wanted = evaluator_param(e, p->params[i].name);
        assert_true(session_read_param(s, i, values, err));
        for (int64_t k = 0; k < shape_count(p->params[i].shape); k++)
            if (!(fabs(values[k] - wanted[k]) <= 1e-4 * (1 + fabs(wanted[k]))))
                fail_msg("%s: %s[%lld] is %g, not %g", body, p->params[i].name, (long long)k, values[k],
                         wanted[k]);
    }
}

static void step(Session *s, Evaluator *e)
{
    static float images[BATCH * PIXELS];
    static const int32_t labels[BATCH] = { 2, 0, 3 };
    const ProgramParam draw = { .name = "images", .fill = FILL_GAUSSIAN, .fill_value = 1 };
    const float *inputs[] = { images };
    char err[SESSION_ERROR];
    SessionResult r;
    initial_fill(&draw, 7, 0, BATCH * PIXELS, images);
    for (int i = 0; i < BATCH * PIXELS; i++)
        e->input[0][i] = images[i];
    for (int i = 0; i < BATCH; i++)
        e->label[i] = labels[i];
    if (!session_run(s, session_find_sequence(s, SEQUENCE_TRAIN, 0), inputs, labels, &r, err))
        fail_msg("%s", err);
    evaluator_run(e);
}

static void train_body(const char *body)
{
    static Compilation c;
    char err[SESSION_ERROR];
    ParamRates rates[16];
    compile_body(&c, body);
    SessionOptions o = { .threads = 2, .seed = 3 };
    Session *s = session_open(c.program, &o, err);
    if (!s)
        fail_msg("%s", err);
    Evaluator *e = evaluator_open(&c.arena, c.graphs[GRAPH_TRAIN]);
    assert_true(c.program->param_count <= 16);
    for (int i = 0; i < c.program->param_count; i++) {
        rates[i] = (ParamRates){ 0.1f, 0.5f, 0, 0 };
        e->rates[i] = (EvaluatorRates){ 0.1f, 0.5f, 0 };
    }
    session_set_rates(s, rates);
    copy_params(s, e);
    for (int i = 0; i < STEPS; i++)
        step(s, e);
    compare_params(s, e, body);
    session_close(s);
    compile_close(&c);
}

static void shared_weights_are_trained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        train_body(bodies[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(shared_weights_are_trained) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
