// The child compiles, opens, runs, and writes its result into memory that it shares with the parent. It ends
// by exit(), so that a sanitizer's word about leaks is its exit code.
#include "reference/gpu_run.h"
#include "compile.h"
#include "emit/cuda/plan.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/initial.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 120, SECONDS_WATCHED = 600 };

bool gpu_run_possible(void)
{
    Nvrtc n;
    char err[DEVICE_ERROR];
    return nvrtc_find(&n, err);
}

int gpu_run_plan(const char *path, const char *target, const char *to)
{
    Compilation c;
    CompileOptions o = { .target = target, .modes = 1 << GRAPH_TRAIN };
    int rows = 0;
    assert_true(compile_file(&c, &o, path));
    FILE *f = fopen(to, "w");
    assert_non_null(f);
    fputs(PLAN_FIRST_LINE, f);
    const Sequence *s = &c.program->sequences[0];
    for (int i = 0; i < s->launch_count; i++) {
        const char *plan = s->launches[i].plan, *end = strstr(plan, " : ");
        bool again = false;
        for (int k = 0; k < i; k++)
            again |= !strcmp(s->launches[k].plan, plan);
        if (!end || again || strncmp(s->launches[i].layer, "fc", 2) != 0 || !strstr(plan, "along k,"))
            continue;
        fprintf(f, "%.*s : cublas\n", (int)(end - plan), plan);
        rows++;
    }
    assert_int_equal(fclose(f), 0);
    compile_close(&c);
    return rows;
}

// --- the child ------------------------------------------------------------------------------------

static void set_number(const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    setenv(name, text, 1);
}

static void set_environment(const GpuRun *r)
{
    setenv("CLEAVE_CUDA_LIB", VGPU_LIBRARY, 1);
    setenv("VGPU_CALLS", "1", 1);
    set_number("VGPU_DEVICES", r->devices);
    set_number("VGPU_CHECK", r->check);
    set_number("VGPU_SEED", r->seed);
    set_number("VGPU_MEMORY", r->memory ? r->memory : 1024);
    set_number("VGPU_THREADS", 1);
    if (r->fail)
        setenv("VGPU_FAIL", r->fail, 1);
}

static uint64_t hash(uint64_t h, const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    for (size_t i = 0; i < size; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return h;
}

static bool hash_params(Session *s, GpuResult *to)
{
    const Program *p = session_program(s);
    to->bits = to->bits ? to->bits : 0xcbf29ce484222325u;
    for (int i = 0; i < p->param_count; i++) {
        size_t size = (size_t)shape_count(p->params[i].shape) * sizeof(float);
        float *values = malloc(size);
        bool good = values && session_read_param(s, i, values, to->err);
        to->bits = good ? hash(to->bits, values, size) : 0;
        good = good && session_read_velocity(s, i, values, to->err);
        to->bits = good ? hash(to->bits, values, size) : 0;
        free(values);
        if (!good)
            return false;
    }
    return true;
}

static bool halve_params(Session *s, char *err)
{
    const Program *p = session_program(s);
    bool good = true;
    for (int i = 0; i < p->param_count && good; i++) {
        int64_t count = shape_count(p->params[i].shape);
        float *values = malloc((size_t)count * sizeof *values);
        good = values && session_read_param(s, i, values, err);
        for (int64_t k = 0; k < count && good; k++)
            values[k] *= 0.5f;
        good = good && session_write_param(s, i, values, err);
        free(values);
    }
    return good;
}

// What happens between a step and the next.
static bool go_between(const GpuRun *r, Session *s, int step, const float *const *inputs,
                       const int32_t *labels, GpuResult *to)
{
    SessionResult result = { 0 };
    bool good = !r->halves || step != 1 || halve_params(s, to->err);
    good = good && (!r->tests || session_run(s, session_find_sequence(s, SEQUENCE_TEST, 0), inputs, labels,
                                             &result, to->err));
    to->tested[step] = result.loss;
    return good;
}

// They fall, so that a step with those of the one before shows.
static void set_rates(Session *s, ParamRates *rates, int step)
{
    const float lr = 0.02f / (float)(1 + step);
    for (int i = 0; i < session_program(s)->param_count; i++)
        rates[i] = (ParamRates){ .lr = lr, .momentum = 0.9f, .decay = 0.001f };
    session_set_rates(s, rates);
}

static bool run_steps(const GpuRun *r, Session *s, GpuResult *to)
{
    const Program *p = session_program(s);
    int q = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    const Sequence *sequence = &p->sequences[q];
    int64_t count = shape_count(sequence->inputs[0].shape);
    ParamRates *rates = calloc((size_t)p->param_count + 1, sizeof *rates);
    int32_t *labels = calloc((size_t)sequence->batch, sizeof *labels);
    float *images = calloc((size_t)count, sizeof *images);
    const float *inputs[] = { images };
    bool good = rates && labels && images;
    for (int i = 0; good && i < sequence->batch; i++)
        labels[i] = i * 7 % 10;
    int steps = r->steps ? r->steps : GPU_RUN_STEPS;
    for (int step = 0; good && step < steps; step++) {
        const ProgramParam draw = { .name = "images", .fill = FILL_GAUSSIAN,
                                    .fill_value = r->scale > 0 ? (double)r->scale : 1 };
        SessionResult result;
        initial_fill(&draw, (uint64_t)step, 0, count, images);
        set_rates(s, rates, step);
        good = session_run(s, q, inputs, labels, &result, to->err);
        to->steps += good;
        to->loss[step] = result.loss / sequence->batch;
        to->stopped[step] = good && result.stopped;
        good = good && go_between(r, s, step, inputs, labels, to) && (!r->each || hash_params(s, to));
    }
    free(rates);
    free(labels);
    free(images);
    return good;
}

static const GpuRun *running;
static GpuResult own;                  // of this process

static unsigned ask(const char *function, long count)
{
    return running->on_call(function, count, &own);
}

// From now on every call is told.
static void watch_calls(void)
{
    void (*on_call)(unsigned (*)(const char *, long)) = NULL;
    void *library = dlopen(VGPU_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "cleave_vgpu_on_call") : NULL;
    memcpy(&on_call, &symbol, sizeof symbol);
    assert_non_null(on_call);
    on_call(ask);
}

static void run_child(const GpuRun *r, GpuResult *to)
{
    static Compilation c;
    unsigned test = r->tests ? 1 << GRAPH_TEST : 0;
    CompileOptions o = { .target = r->target, .plan = r->plan, .chunks = r->chunks,
                         .modes = 1 << GRAPH_TRAIN | test };
    set_environment(r);
    if (r->on_call)
        watch_calls();
    if (!compile_file(&c, &o, r->path)) {
        diag_print(&c.diag, stderr, false);
        fprintf(stderr, "%s\n", c.err);
        _exit(9);
    }
    for (int i = 0; i < c.program->sequence_count && r->anew; i++)
        for (int k = 0; k < c.program->sequences[i].launch_count; k++)
            c.program->sequences[i].launches[k].refreshes = false;
    Session *s = session_open(c.program, &r->options, to->err);
    to->opened = s;
    if (s && r->opened)
        r->opened(c.program, s);
    bool good = s && run_steps(r, s, to) && hash_params(s, to) && session_check_guards(s, to->err);
    if (s) {
        to->has_failed = session_device_class(s)->has_failed(session_device(s));
        to->copied = session_copied_bytes(s);
    }
    to->end = good ? GPU_RUN_DONE : GPU_RUN_REFUSED;
    session_close(s);
    compile_close(&c);
}

// --- the parent -----------------------------------------------------------------------------------

void gpu_run(const GpuRun *r, GpuResult *to)
{
    int flags = MAP_SHARED | MAP_ANONYMOUS, status = 0;
    GpuResult *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, flags, -1, 0);
    FILE *said = tmpfile();
    assert_true(shared != MAP_FAILED && said);
    fflush(NULL);
    shared->end = GPU_RUN_CRASHED;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(r->on_call || r->opened ? SECONDS_WATCHED : SECONDS);
        dup2(fileno(said), STDERR_FILENO);
        running = r;
        child = getpid();
        run_child(r, &own);
        if (getpid() == child)
            *shared = own;
        exit(r->judge && !r->judge(&own) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    *to = *shared;
    rewind(said);
    to->said[fread(to->said, 1, sizeof to->said - 1, said)] = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        to->end = GPU_RUN_CRASHED;
    fclose(said);
    munmap(shared, sizeof *shared);
}

int gpu_run_reports(const GpuResult *r)
{
    int reports = 0;
    for (const char *at = r->said; (at = strstr(at, "vgpu: ")); at++)
        reports += strncmp(at, "vgpu: calls: ", 13) != 0;
    return reports;
}
