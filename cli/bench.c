// cleave bench data FILE.net: how fast images are read and prepared, and whether a step waits for them.
#include "base/clock.h"
#include "cli/random_batch.h"
#include "cli/report.h"
#include "cli/run_data.h"
#include "runtime/data/loader.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    RunOptions  run;
    const char *bad;
    int64_t     seconds, steps, loaders;
    bool        json;
} BenchVerb;

// Seconds of one core an image, each stage with all before it; images a second of all loaders; a step.
typedef struct {
    double  read, fixed, all;
    int64_t images;
    double  loaded;
    double  step, waited;              // seconds of a step with its data; share of it that it waited
} DataTimes;

static double core_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// --- one core -------------------------------------------------------------------------------------

typedef enum { UP_TO_READ, UP_TO_FIXED, UP_TO_ALL } UpTo;

// Prepares a sample as far as that, and no cache is asked.
static bool prepare(const Feed *f, Reader *r, UpTo to, int64_t sample, float *floats, char *err)
{
    int label;
    const FeedKey key = { .seed = 1 };
    if (to == UP_TO_ALL)
        return feed_sample(f, r, &key, sample, floats, &label, err);
    return f->source->class->read(f->source, feed_source_index(f, sample), r, &label, err)
        && (to == UP_TO_READ || feed_apply_bytes(f, r, 0, f->fixed, NULL, sample, err));
}

// Images in the order of a training run, each as far as every stage in turn, for so many seconds; a damaged
// one counts as an image, as it does there.
static void an_image(const Feed *f, double seconds, DataTimes *t, float *floats)
{
    const LoaderOptions order = { .batch = 1, .seed = 1 };
    double sum[UP_TO_ALL + 1] = { 0 }, begun = clock_seconds();
    char err[DATA_ERROR];
    Reader r = { .file = NULL };
    for (t->images = 0; !t->images || clock_seconds() - begun < seconds; t->images++)
        for (UpTo to = UP_TO_READ; to <= UP_TO_ALL; to++) {
            double start = core_seconds();
            prepare(f, &r, to, loader_sample(f, &order, t->images, 0), floats, err);
            sum[to] += core_seconds() - start;
        }
    reader_free(&r);
    t->read = sum[UP_TO_READ] / (double)t->images;
    t->fixed = sum[UP_TO_FIXED] / (double)t->images;
    t->all = sum[UP_TO_ALL] / (double)t->images;
}

static bool measure_stages(const Data *d, const BenchVerb *v, DataTimes *t)
{
    Feed f = d->train;
    f.cache.bytes = NULL;                                     // sets larger than memory are what matters
    float *floats = malloc((size_t)shape_item(f.image) * sizeof *floats);
    if (floats)
        an_image(&f, (double)v->seconds, t, floats);
    free(floats);
    return floats != NULL;
}

// --- all loaders ----------------------------------------------------------------------------------

// Batches as training takes them, `make` with each; for `least` seconds, or `steps` batches.
typedef bool WithBatch(void *context, const Batch *b, char *err);

typedef struct { int64_t batches; double seconds, waited; } Loading;

static bool load(const Feed *f, const BenchVerb *v, int batch, int64_t steps, WithBatch *with, void *context,
                 Loading *to, char *err)
{
    const LoaderOptions o = { .batch = batch, .seed = 1, .threads = (int)v->loaders, .ahead = 4,
                              .skip_bad = v->bad && !strcmp(v->bad, "skip") };
    Loader *l = loader_open(f, &o, err);
    double start = clock_seconds();
    *to = (Loading){ 0 };
    double until = steps ? start : start + (double)v->seconds;
    while (l && !err[0] && (to->batches < steps || clock_seconds() < until)) {
        Batch *b = loader_next(l, err);
        if (!b)
            break;
        if (with && !with(context, b, err) && !err[0])
            snprintf(err, DATA_ERROR, "a step failed");
        loader_done(l, b);
        to->batches++;
    }
    to->seconds = clock_seconds() - start;
    to->waited = l ? loader_waited(l) : 0;
    loader_close(l);
    return !err[0];
}

typedef struct { Session *s; int sequence; } Stepper;

static bool step(void *context, const Batch *b, char *err)
{
    const Stepper *w = context;
    const float *images[] = { b->images };
    return session_run(w->s, w->sequence, images, b->labels, NULL, err);
}

static bool measure_loading(const Data *d, const BenchVerb *v, Session *s, DataTimes *t, char *err)
{
    Feed f = d->train;
    Loading free_run, with_step;
    Stepper w = { s, session_find_sequence(s, SEQUENCE_TRAIN, 0) };
    int batch = session_program(s)->sequences[w.sequence].batch;
    f.cache.bytes = NULL;
    err[0] = 0;
    if (!load(&f, v, batch, 0, NULL, NULL, &free_run, err)
        || !random_batch_rates(s, 0, err)
        || !load(&f, v, batch, 1, step, &w, &with_step, err)             // the first touches all memory
        || !load(&f, v, batch, v->steps, step, &w, &with_step, err))
        return false;
    t->loaded = (double)(free_run.batches * batch) / free_run.seconds;
    t->step = with_step.seconds / (double)with_step.batches;
    t->waited = with_step.waited / with_step.seconds;
    return true;
}

// --- what is printed ------------------------------------------------------------------------------

static void print_stage(const char *what, double seconds)
{
    printf("%-32s %8.3f ms an image\n", what, 1e3 * seconds);
}

static void print_text(const BenchVerb *v, const DataTimes *t, int batch)
{
    print_stage("reading and decoding", t->read);
    print_stage("resize, crop: the same always", t->fixed - t->read);
    print_stage("augmentation, to floats", t->all - t->fixed);
    printf("%-32s %8.3f ms an image, %.0f images/s a core\n", "all of it", 1e3 * t->all, 1 / t->all);
    printf("%lld loader thread%s without a step: %.0f images/s\n", (long long)v->loaders,
           v->loaders == 1 ? "" : "s", t->loaded);
    printf("training at batch %d: %.1f ms a step with its data, %.0f images/s; %.1f %% of it is waiting "
           "for them\n", batch, 1e3 * t->step, batch / t->step, 100 * t->waited);
}

static void print_json(const BenchVerb *v, const DataTimes *t, int batch)
{
    printf("{\"images\": %lld, \"read_ms\": %.5f, \"fixed_ms\": %.5f, \"augment_ms\": %.5f, "
           "\"image_ms\": %.5f, \"images_per_second_a_core\": %.3f, \"loaders\": %lld, "
           "\"images_per_second\": %.3f, \"batch\": %d, "
           "\"step_ms\": %.4f, \"waiting_share\": %.5f}\n", (long long)t->images, 1e3 * t->read,
           1e3 * (t->fixed - t->read), 1e3 * (t->all - t->fixed), 1e3 * t->all, 1 / t->all,
           (long long)v->loaders, t->loaded, batch, 1e3 * t->step, t->waited);
}

// --- the verb -------------------------------------------------------------------------------------

static int bench_session(Compilation *c, const BenchVerb *v)
{
    Data data = { 0 };
    DataTimes t = { 0 };
    char err[SESSION_ERROR] = "out of memory";
    int code = EXIT_INPUT;
    Session *s = run_open(c, &v->run);
    if (!s)
        return EXIT_MACHINE;
    if (run_open_data(c, &v->run, v->bad, RUN_TRAIN_SET, NULL, &data)) {
        bool good = measure_stages(&data, v, &t) && measure_loading(&data, v, s, &t, err);
        if (good)
            (v->json ? print_json : print_text)(v, &t, c->program->sequences[0].batch);
        else
            fprintf(stderr, "cleave: %s\n", err);
        code = good ? EXIT_OK : EXIT_RUN;
    }
    data_close(&data);
    return run_close(s, &v->run, code);
}

static int bench_file(const BenchVerb *v)
{
    static Compilation c;
    int code = run_compile(&c, &v->run, 1 << GRAPH_TRAIN);
    if (code == EXIT_OK && !c.recipe.has_train) {
        fprintf(stderr, "cleave: %s has no train section\n", v->run.path);
        code = EXIT_INPUT;
    }
    if (code == EXIT_OK)
        code = run_takes_images(&c, v->run.colour) ? bench_session(&c, v) : EXIT_INPUT;
    compile_close(&c);
    return code;
}

int verb_bench(int argc, char **argv)
{
    BenchVerb v = { .run = { .seed = 1 }, .seconds = 2, .steps = 5, .loaders = 2 };
    const Option options[] = {
        SHOW_JSON(&v.json), SHOW_COLOUR(&v.run.colour), WITH_NET(&v.run.net), WITH_TARGET(&v.run.target),
        WITH_PRECISION(&v.run.precision), WITH_BATCH(&v.run.batch), WITH_SET(&v.run.set),
        WITH_DATA(&v.run.data), WITH_MAP(&v.run.map), WITH_THREADS(&v.run.threads), WITH_GPUS(v.run),
        { "seconds", OPTION_NUMBER, &v.seconds, "N", "how long images are prepared without"
          " a step, twice", "2" },
        { "steps", OPTION_NUMBER, &v.steps, "N", "training steps, after one that is not timed", "5" },
        { "loaders", OPTION_NUMBER, &v.loaders, "N", "threads that prepare batches", "2, as `train`" },
        { "bad", OPTION_TEXT, &v.bad, "WHAT", "a damaged image: stop or skip", "stop" },
    };
    const Usage usage = { "bench", "data FILE.net", "Tells how fast the images of a file's train section are "
                          "read and prepared, and what a step waits for them.",
                          "cleave bench data nets/alexnet.net --data train=../imagenet/train", 2, 2, options,
                          sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    if (strcmp(argv[first], "data") != 0) {
        fprintf(stderr, "cleave: bench wants `data`, not `%.40s`: cleave bench data FILE.net\n", argv[first]);
        return EXIT_USAGE;
    }
    v.run.path = argv[first + 1];
    return bench_file(&v);
}
