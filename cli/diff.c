// cleave diff: the same steps twice, on two maps, with two numbers of threads, with and without fusion or
// edited kernel texts; every value compared.
#include "cli/random_batch.h"
#include "cli/run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    RunOptions  run;
    const char *other_map;
    int64_t     other_threads, steps;
} DiffVerb;

// One of the two runs.
typedef struct { Compilation c; Session *s; int sequence; } Side;

// What has been compared so far.
typedef struct {
    bool   exact;              // bits must be equal; else 1e-4 of the largest value
    int    compared, differing;
    double worst;              // largest difference as a share of the largest value
    char   first[200];         // the first that differs
} Verdict;

static int compile_side(Side *s, const RunOptions *o)
{
    return run_compile(&s->c, o, 1 << GRAPH_TRAIN);
}

static int open_side(Side *s, const RunOptions *o)
{
    s->s = run_open(&s->c, o);
    if (!s->s)
        return EXIT_MACHINE;
    session_poison(s->s, true);
    s->sequence = session_find_sequence(s->s, SEQUENCE_TRAIN, 0);
    return EXIT_OK;
}

static int close_side(Side *s, const RunOptions *o, int code)
{
    if (s->s)
        code = run_close(s->s, o, code);
    compile_close(&s->c);
    return code;
}

static void judge(Verdict *v, const char *name, int64_t step, const float *a, const float *b,
                  int64_t count)
{
    double most = 0, gap = 0;
    for (int64_t i = 0; i < count; i++) {
        most = fmax(most, fabs(a[i]));
        gap = fmax(gap, fabs((double)a[i] - b[i]));
    }
    double share = most > 0 ? gap / most : gap;
    bool differs = v->exact ? memcmp(a, b, (size_t)count * sizeof *a) != 0 : share > 1e-4;
    v->compared++;
    v->worst = fmax(v->worst, share);
    v->differing += differs;
    if (differs && !v->first[0])
        snprintf(v->first, sizeof v->first, "%.100s after step %lld (%.3g of its largest value)", name,
                 (long long)step, share);
}

// Values the second side does not have (another plan) are passed over.
static bool compare(Verdict *v, Side *a, Side *b, const char *name, int64_t step, char *err)
{
    Shape x, y;
    if (!session_tensor_shape(a->s, a->sequence, name, &x)
        || !session_tensor_shape(b->s, b->sequence, name, &y) || !shape_equal(x, y))
        return true;
    int64_t count = shape_count(x);
    float *p = malloc((size_t)count * sizeof *p), *q = malloc((size_t)count * sizeof *q);
    bool good = p && q && session_read_tensor(a->s, a->sequence, name, p, err)
        && session_read_tensor(b->s, b->sequence, name, q, err);
    if (good)
        judge(v, name, step, p, q, count);
    free(p);
    free(q);
    return good;
}

static bool compare_all(Verdict *v, Side *a, Side *b, int64_t step, bool is_last, char *err)
{
    const Program *p = a->c.program;
    const Sequence *q = &p->sequences[a->sequence];
    for (int i = 0; i < q->output_count; i++)
        if (!compare(v, a, b, q->outputs[i].name, step, err))
            return false;
    for (int i = 0; i < q->named_count; i++)
        if (!compare(v, a, b, p->tensors[q->named[i]].name, step, err))
            return false;
    for (int i = 0; i < p->param_count && is_last; i++) {
        char velocity[200];
        snprintf(velocity, sizeof velocity, "%.180s.velocity", p->params[i].name);
        if (!compare(v, a, b, p->params[i].name, step, err) || !compare(v, a, b, velocity, step, err))
            return false;
    }
    return true;
}

static bool run_step(Side *s, const RandomBatch *batch, int64_t step, char *err)
{
    return random_batch_rates(s->s, step, err)
        && session_run(s->s, s->sequence, (const float *const *)batch->images, batch->labels, NULL, err)
        && session_check_guards(s->s, err);
}

static int run_both(const DiffVerb *d, Side *a, Side *b)
{
    char err[SESSION_ERROR] = "out of memory";
    RandomBatch batch;
    Verdict v = { .exact = !d->run.no_fuse };
    bool good = random_batch_open(&batch, a->s, a->sequence, (uint64_t)d->run.seed);
    for (int64_t step = 1; step <= d->steps && good && !v.differing; step++)
        good = run_step(a, &batch, step - 1, err) && run_step(b, &batch, step - 1, err)
            && compare_all(&v, a, b, step, step == d->steps, err);
    random_batch_close(&batch);
    if (!good) {
        fprintf(stderr, "cleave: %s\n", err);
        return EXIT_RUN;
    }
    if (v.differing)
        printf("different: %s; %d of %d values\n", v.first, v.differing, v.compared);
    else
        printf("%s: %d values over %lld steps, largest difference %.3g; %lld bytes copied between devices,"
               " guards intact\n", v.exact ? "equal bit by bit" : "equal within 1e-4", v.compared,
               (long long)d->steps, v.worst, (long long)session_copied_bytes(b->s));
    return v.differing ? EXIT_RUN : EXIT_OK;
}

// Every device on a group or GPU of its own (`step` 1), or all on the first (0): what is compared unless told
// otherwise.
static const char *map_text(const Program *p, int step, char *to, size_t size)
{
    size_t length = 0;
    const char *kind = session_runs_on_gpus(p) ? "cuda" : "cpu";
    to[0] = 0;
    for (int i = 0; i < p->device_count && length < size; i++)
        length += (size_t)snprintf(to + length, size - length, "%s%.64s=%s:%d", i ? "," : "",
                                   p->devices[i].name, kind, i * step);
    return to;
}

static int diff_sides(DiffVerb *d, Side *a, Side *b, RunOptions *first, RunOptions *second)
{
    static char together[PROGRAM_DEVICES * 80], spread[PROGRAM_DEVICES * 80];
    const Program *p = a->c.program;
    bool same_map = d->other_threads || d->run.no_fuse || second->override;
    if (!first->map)
        first->map = map_text(p, 0, together, sizeof together);
    second->map = d->other_map ? d->other_map : same_map ? first->map : map_text(p, 1, spread, sizeof spread);
    second->threads = d->other_threads ? d->other_threads : d->run.threads;
    int code = open_side(a, first);
    if (code == EXIT_OK)
        code = compile_side(b, second);
    if (code == EXIT_OK)
        code = open_side(b, second);
    return code == EXIT_OK ? run_both(d, a, b) : code;
}

static int diff_files(DiffVerb *d)
{
    static Side a, b;
    RunOptions first = d->run, second = d->run;
    first.no_fuse = false;
    first.chunks = d->run.chunks ? 1 : 0;
    first.override = NULL;
    int code = compile_side(&a, &first);
    if (code == EXIT_OK)
        code = diff_sides(d, &a, &b, &first, &second);
    code = close_side(&b, &second, code);
    return close_side(&a, &first, code);
}

// `--map A --map B`: the second is the other run's.
static void name_second(int argc, char **argv, const char *option, char *other)
{
    bool seen = false;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], option)) {
            if (seen)
                argv[i] = other;
            seen = true;
        }
}

int verb_diff(int argc, char **argv)
{
    static char other_map[] = "--other-map", other_threads[] = "--other-threads";
    DiffVerb d = { .run = { .colour = "auto", .seed = 1 }, .steps = 3 };
    const Option options[] = {
        WITH_NET(&d.run.net), WITH_TARGET(&d.run.target),
        WITH_PRECISION(&d.run.precision), WITH_BATCH(&d.run.batch),
        WITH_SET(&d.run.set), WITH_SEED(&d.run.seed), WITH_MAP(&d.run.map), WITH_THREADS(&d.run.threads),
        WITH_GPUS(d.run),
        { "other-map", OPTION_TEXT, &d.other_map, "A=D,...", "map of the second run (or give --map twice)",
          "every device on a group of its own" },
        { "other-threads", OPTION_THREADS, &d.other_threads, "N", "threads of the second run", "the same" },
        { "override", OPTION_TEXT, &d.run.override, "DIR", "edited kernel texts of the second run", "none" },
        { "no-fuse", OPTION_FLAG, &d.run.no_fuse, NULL, "compile the second run without fusion; compare"
          " within 1e-4", "off" },
        { "chunks", OPTION_CHUNKS, &d.run.chunks, "N", "compile the second run so that maps cross in N runs"
          " of images", "as the first" },
        { "steps", OPTION_NUMBER, &d.steps, "N", "training steps on random data", "3" },
        SHOW_COLOUR(&d.run.colour),
    };
    const Usage usage = { "diff", "FILE.net", "Run the same steps in two ways and compare every value.",
                          "cleave diff nets/alexnet.net --batch 8 --steps 3", 1, 1, options,
                          sizeof options / sizeof *options };
    int first, code;
    name_second(argc, argv, "--map", other_map);
    name_second(argc, argv, "--threads", other_threads);
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    d.run.path = argv[first];
    return diff_files(&d);
}
