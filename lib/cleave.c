// The functions of include/cleave.h: a compilation, a session, and the text of the last error.
#include "cleave.h"
#include "compile.h"
#include "runtime/rates.h"
#include "runtime/session.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SETTINGS = 64 };

struct cleave {
    Compilation compilation;
    Session    *session;
    Rates       rates;
    double     *fixed;                     // of the rates
    ParamRates *values;                    // by parameter
    int         last;                      // sequence that ran last
    char       *settings[MOST_SETTINGS];   // copies, cut in two at their '='
    int         setting_count;
    char        why[CLEAVE_WHY];
};

static cleave_status fail(cleave *c, cleave_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static cleave_status fail(cleave *c, cleave_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, args);
    va_end(args);
    return status;
}

static cleave_status succeed(cleave *c)
{
    c->why[0] = 0;
    return CLEAVE_OK;
}

// --- opening --------------------------------------------------------------------------------------

static cleave_status split_settings(cleave *c, const cleave_options *o, Override *overrides)
{
    for (int i = 0; o->settings && o->settings[i]; i++) {
        if (i == MOST_SETTINGS)
            return fail(c, CLEAVE_USAGE, "more than %d settings", MOST_SETTINGS);
        char *copy = strdup(o->settings[i]), *equal = copy ? strchr(copy, '=') : NULL;
        c->settings[c->setting_count++] = copy;
        if (!equal)
            return fail(c, CLEAVE_USAGE, "a setting is NAME=VALUE, not %.100s", o->settings[i]);
        *equal = 0;
        overrides[i] = (Override){ copy, equal + 1 };
    }
    return CLEAVE_OK;
}

// The diagnostics as they would be printed.
static void keep_diagnostics(cleave *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    diag_print(&c->compilation.diag, out, false);
    fclose(out);
    snprintf(c->why, sizeof c->why, "%s", text);
    free(text);
}

static cleave_status compile(cleave *c, const char *file, const cleave_options *o)
{
    static const Override none[1];
    Override overrides[MOST_SETTINGS];
    cleave_status status = split_settings(c, o, overrides);
    if (status != CLEAVE_OK)
        return status;
    CompileOptions options = {
        .front = { .net = o->net, .batch = o->batch, .seed = o->seed,
                   .overrides = c->setting_count ? overrides : none,
                   .override_count = c->setting_count },
        .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST | 1 << GRAPH_PREDICT,
    };
    if (compile_file(&c->compilation, &options, file))
        return CLEAVE_OK;
    if (!c->compilation.diag.errors)
        return fail(c, CLEAVE_RUN, "%s", c->compilation.err);
    keep_diagnostics(c);
    return CLEAVE_INPUT;
}

static int count_inputs(const Sequence *q)
{
    int count = 0;
    for (int i = 0; i < q->input_count; i++)
        count += strcmp(q->inputs[i].name, "label") != 0;
    return count;
}

static cleave_status open_net(cleave *c, const char *file, const cleave_options *o)
{
    int map[PROGRAM_DEVICES], groups;
    char err[SESSION_ERROR];
    cleave_status status = compile(c, file, o);
    if (status != CLEAVE_OK)
        return status;
    const Program *p = c->compilation.program;
    if (count_inputs(&p->sequences[0]) != 1)
        return fail(c, CLEAVE_INPUT, "%s: a net of several inputs cannot be opened yet", file);
    if (!session_parse_map(p, o->map, map, &groups, err))
        return fail(c, CLEAVE_USAGE, "%s", err);
    SessionOptions options = { .map = o->map, .threads = o->threads, .seed = o->seed };
    c->session = session_open(p, &options, err);
    if (!c->session)
        return fail(c, CLEAVE_MACHINE, "%s", err);
    c->fixed = calloc((size_t)p->recipe.train.setting_count + 1, sizeof *c->fixed);
    c->values = calloc((size_t)p->param_count + 1, sizeof *c->values);
    if (!c->fixed || !c->values)
        return fail(c, CLEAVE_MACHINE, "out of memory");
    rates_open(&c->rates, &p->recipe.train, c->fixed);
    return CLEAVE_OK;
}

cleave_status cleave_open(cleave **out, const char *file, const cleave_options *options, char *why)
{
    static const cleave_options defaults;
    cleave *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) {
        snprintf(why, CLEAVE_WHY, "out of memory");
        return CLEAVE_MACHINE;
    }
    cleave_status status = open_net(c, file, options ? options : &defaults);
    snprintf(why, CLEAVE_WHY, "%s", status == CLEAVE_OK ? "" : c->why);
    if (status == CLEAVE_OK)
        *out = c;
    else
        cleave_close(c);
    return status;
}

void cleave_close(cleave *c)
{
    if (!c)
        return;
    session_close(c->session);
    compile_close(&c->compilation);
    for (int i = 0; i < c->setting_count; i++)
        free(c->settings[i]);
    free(c->fixed);
    free(c->values);
    free(c);
}

// --- running --------------------------------------------------------------------------------------

static void fill_result(const cleave *c, const SessionResult *from, cleave_result *to)
{
    const TrainRecipe *t = &c->compilation.program->recipe.train;
    double images = from->images ? from->images : 1;
    *to = (cleave_result){ from->loss / images, NAN, NAN, from->images };
    for (int i = 0; i < t->metric_count && i < SESSION_METRICS; i++)
        if (t->metrics[i].kind == METRIC_TOP && (t->metrics[i].k == 1 || t->metrics[i].k == 5))
            *(t->metrics[i].k == 1 ? &to->top1 : &to->top5) = from->metrics[i] / images;
}

static cleave_status run(cleave *c, SequenceKind kind, const float *images, const int32_t *labels,
                         cleave_result *result)
{
    char err[SESSION_ERROR];
    SessionResult r = { 0 };
    const float *inputs[] = { images };
    int sequence = session_find_sequence(c->session, kind, 0);
    if (sequence < 0)
        return fail(c, CLEAVE_USAGE, "the net cannot be run this way");
    if (!session_run(c->session, sequence, inputs, labels, kind == SEQUENCE_PREDICT ? NULL : &r, err))
        return fail(c, CLEAVE_RUN, "%s", err);
    c->last = sequence;
    if (result)
        fill_result(c, &r, result);
    if (r.stopped)
        return fail(c, CLEAVE_NUMERICAL, "the loss is not finite; nothing was applied");
    return succeed(c);
}

cleave_status cleave_step(cleave *c, const float *images, const int32_t *labels, cleave_result *result)
{
    char err[RATES_ERROR];
    const Program *p = c->compilation.program;
    if (!p->recipe.has_train)
        return fail(c, CLEAVE_USAGE, "the file has no train section for the net: no rates to learn with");
    if (!rates_all(&c->rates, p, 0, (double)session_step(c->session), NULL, NULL, c->values, err))
        return fail(c, CLEAVE_INPUT, "%s", err);
    session_set_rates(c->session, c->values);
    return run(c, SEQUENCE_TRAIN, images, labels, result);
}

cleave_status cleave_test(cleave *c, const float *images, const int32_t *labels, cleave_result *result)
{
    return run(c, SEQUENCE_TEST, images, labels, result);
}

// The net's first output of the predicting sequence; NULL: it has none.
static const ProgramPort *output_of(const cleave *c, int *sequence)
{
    *sequence = session_find_sequence(c->session, SEQUENCE_PREDICT, 0);
    if (*sequence < 0 || !c->compilation.program->sequences[*sequence].output_count)
        return NULL;
    return &c->compilation.program->sequences[*sequence].outputs[0];
}

cleave_status cleave_predict(cleave *c, const float *images, float *output, size_t count)
{
    int sequence;
    char err[SESSION_ERROR];
    const ProgramPort *port = output_of(c, &sequence);
    if (!port || (size_t)shape_count(port->shape) != count)
        return fail(c, CLEAVE_USAGE, "the output has %lld numbers, not %zu",
                    port ? (long long)shape_count(port->shape) : 0, count);
    cleave_status status = run(c, SEQUENCE_PREDICT, images, NULL, NULL);
    if (status == CLEAVE_OK && !session_read_output(c->session, sequence, 0, output, err))
        return fail(c, CLEAVE_RUN, "%s", err);
    return status;
}

// --- looking --------------------------------------------------------------------------------------

const char *cleave_why(const cleave *c) { return c->why; }
const char *cleave_version(void) { return "0.1.0"; }
int64_t     cleave_copied_bytes(const cleave *c) { return session_copied_bytes(c->session); }
int         cleave_batch(const cleave *c) { return c->compilation.program->sequences[0].batch; }
int         cleave_step_images(const cleave *c) { return session_images(c->session, 0); }

size_t cleave_image_size(const cleave *c)
{
    const Sequence *q = &c->compilation.program->sequences[0];
    return q->input_count ? (size_t)shape_item(q->inputs[0].shape) : 0;
}

size_t cleave_output_size(const cleave *c)
{
    int sequence;
    const ProgramPort *port = output_of(c, &sequence);
    return port ? (size_t)shape_item(port->shape) : 0;
}

int cleave_parameter_count(const cleave *c) { return c->compilation.program->param_count; }

const char *cleave_parameter_name(const cleave *c, int i, int64_t shape[4])
{
    if (i < 0 || i >= cleave_parameter_count(c))
        return NULL;
    const ProgramParam *p = &c->compilation.program->params[i];
    const int64_t dims[4] = { p->shape.n, p->shape.c, p->shape.h, p->shape.w };
    memcpy(shape, dims, sizeof dims);
    return p->name;
}

static cleave_status find(cleave *c, const char *name, size_t *count)
{
    Shape shape;
    if (!session_tensor_shape(c->session, c->last, name, &shape))
        return fail(c, CLEAVE_USAGE, "nothing named %.100s is in memory after the step", name);
    *count = (size_t)shape_count(shape);
    return succeed(c);
}

static cleave_status check_size(cleave *c, const char *name, size_t count)
{
    size_t has = 0;
    cleave_status status = find(c, name, &has);
    if (status == CLEAVE_OK && has != count)
        return fail(c, CLEAVE_USAGE, "%.100s has %zu numbers, not %zu", name, has, count);
    return status;
}

cleave_status cleave_size(cleave *c, const char *name, size_t *count) { return find(c, name, count); }

cleave_status cleave_read(cleave *c, const char *name, float *data, size_t count)
{
    char err[SESSION_ERROR];
    cleave_status status = check_size(c, name, count);
    if (status == CLEAVE_OK && !session_read_tensor(c->session, c->last, name, data, err))
        return fail(c, CLEAVE_RUN, "%s", err);
    return status;
}

cleave_status cleave_write(cleave *c, const char *name, const float *data, size_t count)
{
    char err[SESSION_ERROR];
    int param = session_find_param(c->session, name);
    if (param < 0)
        return fail(c, CLEAVE_USAGE, "no parameter is named %.100s", name);
    cleave_status status = check_size(c, name, count);
    if (status == CLEAVE_OK && !session_write_param(c->session, param, data, err))
        return fail(c, CLEAVE_RUN, "%s", err);
    return status;
}
