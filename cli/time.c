// cleave time: how long each kernel of a training step takes, and how near to the machine's limits.
#include "cli/random_batch.h"
#include "cli/run.h"
#include "base/clock.h"
#include "base/text.h"
#include "emit/cuda/tiles.h"
#include "runtime/cpu/peak.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>

typedef struct { RunOptions run; int64_t steps; bool json; } TimeVerb;

typedef struct {
    int     threads;
    const Target *gpu;         // whose limits are not measured: peak and bandwidth are 0; NULL: a CPU
    CpuPeak peak;
    double  bandwidth;         // bytes a second, read and written, of one thread
    double *step;              // seconds, by step; of a GPU the images are there already
    double *fed;               // GPU: the same, with the images' way from the host
    double *launch;            // seconds of all threads, by step, then launch
} Times;

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// Of `count` values that stand `stride` apart; uses `room`.
static double median(const double *values, int64_t count, int64_t stride, double *room)
{
    for (int64_t i = 0; i < count; i++)
        room[i] = values[i * stride];
    qsort(room, (size_t)count, sizeof *room, compare_doubles);
    return room[count / 2];
}

// Copies memory far larger than any cache; the best of several passes.
static double measure_bandwidth(void)
{
    enum { BYTES = 64 << 20 };
    char *a = malloc(BYTES), *b = malloc(BYTES);
    double best = 0;
    if (a && b) {
        memset(a, 1, BYTES);
        memset(b, 2, BYTES);
        for (int i = 0; i < 5; i++) {
            double start = clock_seconds();
            memcpy(a, b, BYTES);
            double rate = 2.0 * BYTES / (clock_seconds() - start);
            b[i] = a[i + 1];
            best = rate > best ? rate : best;
        }
    }
    free(a);
    free(b);
    return best;
}

// Steps of a GPU as training runs them: from a graph, which the second run makes, no launch timed.
static bool measure_replays(Times *t, Session *s, int q, int64_t steps, const RandomBatch *batch, char *err)
{
    bool good = true;
    for (int64_t i = -2; i < steps && good; i++) {
        double start = clock_seconds();
        good = session_run(s, q, (const float *const *)batch->images, batch->labels, NULL, err);
        double fed = clock_seconds();
        good = good && session_device_class(s)->run(session_device(s), q, err);
        if (i < 0)
            continue;
        t->fed[i] = (fed - start) / session_program(s)->sequences[q].accumulate;
        t->step[i] = clock_seconds() - fed;
    }
    return good;
}

// Of a step that accumulates, the mean of its batches.
static bool measure(Times *t, Session *s, int q, int64_t steps, uint64_t seed, char *err)
{
    int launches = session_program(s)->sequences[q].launch_count;
    int runs = session_program(s)->sequences[q].accumulate;
    RandomBatch batch;
    LaunchTime *times = calloc((size_t)launches + 1, sizeof *times);
    bool good = times && random_batch_open(&batch, s, q, seed) && random_batch_rates(s, 0, err);
    for (int64_t i = -1; i < steps && good; i++) {         // the first touches all memory
        memset(times, 0, (size_t)launches * sizeof *times);
        session_device_class(s)->profile(session_device(s), q, times);
        double start = clock_seconds();
        good = session_run(s, q, (const float *const *)batch.images, batch.labels, NULL, err);
        if (i < 0)
            continue;
        t->step[i] = (clock_seconds() - start) / runs;
        for (int l = 0; l < launches; l++)
            t->launch[i * launches + l] = times[l].seconds / runs;
    }
    session_device_class(s)->profile(session_device(s), q, NULL);
    good = good && (!t->gpu || measure_replays(t, s, q, steps, &batch, err));
    if (times)
        random_batch_close(&batch);
    free(times);
    return good;
}

static double roofline_of(const Times *t, const Launch *l)
{
    return cuda_roofline_seconds(t->gpu, (double)l->flops, (double)l->bytes);
}

static void print_gpu_launch(const TimeVerb *v, const Times *t, const Program *p, const Launch *l,
                             double seconds)
{
    double scale = seconds > 0 ? 1e-9 / seconds : 0, roofline = roofline_of(t, l);
    if (v->json) {
        printf("{\"kernel\": ");
        text_print_json(stdout, l->title);
        printf(", \"ms\": %.5f, \"flops\": %lld, \"bytes\": %lld, \"predicted_ms\": %.5f, "
               "\"roofline_ms\": %.5f, \"symbol\": ", 1e3 * seconds, (long long)l->flops,
               (long long)l->bytes, 1e3 * l->seconds, 1e3 * roofline);
        text_print_json(stdout, p->kernels[l->kernel].symbol);
        printf(", \"limiter\": \"%s\", \"plan\": \"%s\"}", l->limiter, l->plan);
        return;
    }
    printf("%9.4f ms %9.1f GFLOP/s %8.1f GB/s %9.4f ms predicted %5.1f %% of the roofline  ", 1e3 * seconds,
           (double)l->flops * scale, (double)l->bytes * scale, 1e3 * l->seconds,
           seconds > 0 ? 100 * roofline / seconds : 0);
    text_print_safe(stdout, l->title, (int)strlen(l->title));
    putchar('\n');
}

static void print_cpu_launch(const TimeVerb *v, const Times *t, const Launch *l, double seconds)
{
    double flops = seconds > 0 ? (double)l->flops / seconds : 0;       // of one thread
    double bytes = seconds > 0 ? (double)l->bytes / seconds : 0;
    double peak = t->peak.flops / t->threads;
    if (v->json) {
        printf("{\"kernel\": ");
        text_print_json(stdout, l->title);
        printf(", \"ms\": %.4f, \"flops\": %lld, \"bytes\": %lld, \"peak_share\": %.4f, "
               "\"bandwidth_share\": %.4f}", 1e3 * seconds / t->threads, (long long)l->flops,
               (long long)l->bytes, flops / peak, bytes / t->bandwidth);
        return;
    }
    printf("%9.3f ms %8.1f GFLOP/s %5.1f %% of peak %5.1f %% of bandwidth  ",
           1e3 * seconds / t->threads, flops * t->threads * 1e-9, 100 * flops / peak,
           100 * bytes / t->bandwidth);
    text_print_safe(stdout, l->title, (int)strlen(l->title));
    putchar('\n');
}

static void print_launches(const TimeVerb *v, const Times *t, const Program *p, const Sequence *s,
                           double *room)
{
    const char *comma = "";
    for (int l = 0; l < s->launch_count; l++) {
        double seconds = median(t->launch + l, v->steps, s->launch_count, room);
        if (s->launches[l].refreshes)                      // these steps have not run it
            continue;
        if (v->json)
            printf("%s\n    ", comma);
        comma = ",";
        if (p->kernels[s->launches[l].kernel].threads)     // of a block: a GPU's
            print_gpu_launch(v, t, p, &s->launches[l], seconds);
        else
            print_cpu_launch(v, t, &s->launches[l], seconds);
    }
}

static void print_gpu_times(const TimeVerb *v, const Times *t, const Program *p, const Sequence *s,
                            double *room)
{
    double step = median(t->step, v->steps, 1, room), fed = median(t->fed, v->steps, 1, room);
    double roofline = 0, predicted = 0;
    for (int l = 0; l < s->launch_count; l++) {
        if (s->launches[l].refreshes)
            continue;
        roofline += roofline_of(t, &s->launches[l]);
        predicted += s->launches[l].seconds;
    }
    if (v->json)
        printf("{\"batch\": %d, \"target\": \"%s\", \"step_ms\": %.4f, \"fed_step_ms\": %.4f, "
               "\"images_per_second\": %.3f, \"predicted_ms\": %.4f, \"roofline_ms\": %.4f, \"kernels\": [",
               s->batch, t->gpu->name, 1e3 * step, 1e3 * fed, s->batch / step, 1e3 * predicted,
               1e3 * roofline);
    print_launches(v, t, p, s, room);
    if (v->json) {
        printf("\n]}\n");
        return;
    }
    printf("step: %.3f ms, %.1f images/s at batch %d (median of %lld); %.3f ms predicted; %.3f ms at the "
           "roofline, %.1f %%\n      %.3f ms with the images' way from the host\n", 1e3 * step,
           s->batch / step, s->batch, (long long)v->steps, 1e3 * predicted, 1e3 * roofline,
           100 * roofline / step, 1e3 * fed);
}

static void print_cpu_times(const TimeVerb *v, const Times *t, const Program *p, const Sequence *s,
                            double *room)
{
    double step = median(t->step, v->steps, 1, room), flops = 0;
    for (int l = 0; l < s->launch_count; l++)
        flops += (double)s->launches[l].flops;
    double share = flops / step / t->peak.flops;
    if (v->json)
        printf("{\"batch\": %d, \"threads\": %d, \"step_ms\": %.4f, \"images_per_second\": %.3f, "
               "\"peak_gflops\": %.2f, \"peak_agrees\": %s, \"peak_share\": %.4f, \"kernels\": [", s->batch,
               t->threads, 1e3 * step, s->batch / step, 1e-9 * t->peak.flops,
               t->peak.agrees ? "true" : "false", share);
    else
        printf("peak %.1f GFLOP/s on %d threads%s; copy %.1f GB/s a thread\n", 1e-9 * t->peak.flops,
               t->threads, t->peak.agrees ? "" : " (clock and pipes disagree: a busy machine)",
               1e-9 * t->bandwidth);
    print_launches(v, t, p, s, room);
    if (v->json)
        printf("\n]}\n");
    else
        printf("step: %.2f ms, %.1f images/s at batch %d, %.1f GFLOP/s = %.1f %% of peak (median of %lld)\n",
               1e3 * step, s->batch / step, s->batch, 1e-9 * flops / step, 100 * share, (long long)v->steps);
}

// Devices of two kinds wait for each other: there is no peak that the step could be a share of.
static void print_mixed_times(const TimeVerb *v, const Times *t, const Program *p, const Sequence *s,
                              double *room)
{
    double step = median(t->step, v->steps, 1, room);
    if (v->json)
        printf("{\"batch\": %d, \"threads\": %d, \"target\": \"%s\", \"step_ms\": %.4f, "
               "\"images_per_second\": %.3f, \"kernels\": [", s->batch, t->threads, t->gpu->name, 1e3 * step,
               s->batch / step);
    print_launches(v, t, p, s, room);
    if (v->json)
        printf("\n]}\n");
    else
        printf("step: %.3f ms, %.1f images/s at batch %d on CPU and GPU (median of %lld)\n", 1e3 * step,
               s->batch / step, s->batch, (long long)v->steps);
}

static const Target *first_gpu(const Program *p)
{
    int d = 0;
    while (strncmp(p->devices[d].target, "cuda:", 5) != 0)
        d++;
    return target_find(p->devices[d].target);
}

static int time_session(const TimeVerb *v, const Program *p, Session *s)
{
    cpu_set_t set;
    char err[SESSION_ERROR] = "out of memory";
    int q = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    size_t launches = (size_t)p->sequences[q].launch_count, steps = (size_t)v->steps;
    bool on_gpus = session_runs_on_gpus(p), on_cpus = session_runs_on_cpus(p);
    Times t = { .gpu = on_gpus ? first_gpu(p) : NULL,
                .threads = v->run.threads ? (int)v->run.threads
                         : sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set) };
    t.step = calloc(steps, sizeof *t.step);
    t.fed = calloc(steps, sizeof *t.fed);
    t.launch = calloc(steps * launches + 1, sizeof *t.launch);
    double *room = calloc(steps, sizeof *room);
    bool good = t.step && t.fed && t.launch && room;
    if (on_cpus) {
        good = good && cpu_peak(t.threads, 0.6, &t.peak);
        t.bandwidth = measure_bandwidth();
        good = good && t.bandwidth > 0;
    }
    good = good && measure(&t, s, q, v->steps, (uint64_t)v->run.seed, err);
    if (good)
        (on_gpus && on_cpus ? print_mixed_times : on_gpus ? print_gpu_times : print_cpu_times)
            (v, &t, p, &p->sequences[q], room);
    else
        fprintf(stderr, "cleave: %s\n", err);
    free(t.step);
    free(t.fed);
    free(t.launch);
    free(room);
    return good ? EXIT_OK : EXIT_RUN;
}

int verb_time(int argc, char **argv)
{
    static Compilation c;
    TimeVerb v = { .run = { .colour = "auto", .seed = 1 }, .steps = 5 };
    const Option options[] = {
        WITH_NET(&v.run.net), WITH_TARGET(&v.run.target),
        WITH_PRECISION(&v.run.precision), WITH_PLAN(&v.run.plan), WITH_OVERRIDE(&v.run.override),
        WITH_BATCH(&v.run.batch), WITH_CHUNKS(&v.run.chunks),
        WITH_SET(&v.run.set), WITH_SEED(&v.run.seed), WITH_MAP(&v.run.map), WITH_THREADS(&v.run.threads),
        WITH_GPUS(v.run),
        { "steps", OPTION_NUMBER, &v.steps, "N", "steps whose median is shown", "5" },
        { "no-fuse", OPTION_FLAG, &v.run.no_fuse, NULL, "every operation in a kernel of its own", "off" },
        SHOW_JSON(&v.json), SHOW_COLOUR(&v.run.colour),
    };
    const Usage usage = { "time", "FILE.net", "Time every kernel of a training step on random data.",
                          "cleave time nets/alexnet.net --batch 32", 1, 1, options,
                          sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    v.run.path = argv[first];
    v.steps = v.steps < 1 ? 1 : v.steps;
    code = run_compile(&c, &v.run, 1 << GRAPH_TRAIN);
    Session *s = code == EXIT_OK ? run_open(&c, &v.run) : NULL;
    if (code == EXIT_OK)
        code = s ? time_session(&v, c.program, s) : EXIT_MACHINE;
    if (s)
        code = run_close(s, &v.run, code);
    compile_close(&c);
    return code;
}
