// cleave diff: the same steps twice, on two maps, with two numbers of threads, in two precisions, with and
// without fusion or edited kernel texts; every tensor compared, in the order in which the first run makes
// them.
#include "cli/random_batch.h"
#include "cli/run.h"
#include "cli/values.h"
#include "cli/verify.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    RunOptions  run;
    const char *other_map, *other_precision;
    int64_t     other_threads, steps;
    bool        reuses;        // memory, as `train` does
} DiffVerb;

// How near values must be.
typedef enum {
    NEAR_EXACT,                // bit by bit
    NEAR_ROUNDING,             // to the largest of their tensor: sums in another order
    NEAR_FREE                  // by their norm: other kernels, precisions
} Nearness;

#define ROUNDING 1e-4          // of the largest value

// What has been compared so far.
typedef struct {
    Side      *a, *b;
    int       *same;           // by tensor of a: b's, or -1
    int       *last;           // by tensor of a: the command that writes it last, whose value is there
    Nearness   near;
    double     free;           // of NEAR_FREE
    int64_t    step;
    int        compared;
    double     worst;          // largest difference as a share of the largest value; of gradients only where
                               // they are not free
    bool       differs;
    char      *err;
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

// --- comparing ------------------------------------------------------------------------------------

static const char *nearness_text(const Verdict *v, char to[60])
{
    if (v->near == NEAR_EXACT)
        snprintf(to, 60, "equal bit by bit");
    else if (v->near == NEAR_ROUNDING)
        snprintf(to, 60, "equal within 1e-4");
    else
        snprintf(to, 60, "equal within %.3g of the norm", v->free);
    return to;
}

// The element that is farthest off; of equal bits the first that has others.
static int64_t find_gap(const Verdict *v, const float *a, const float *b, int64_t count)
{
    int64_t at = 0;
    double most = -1;
    for (int64_t i = 0; i < count; i++) {
        uint32_t x, y;
        memcpy(&x, &a[i], sizeof x);
        memcpy(&y, &b[i], sizeof y);
        if (v->near == NEAR_EXACT && x != y)
            return i;
        double gap = a[i] > b[i] ? (double)a[i] - b[i] : (double)b[i] - a[i];
        if (!(gap <= most)) {
            most = gap;
            at = i;
        }
    }
    return at;
}

// One of `l` and `copy` made it.
static void print_different(const Verdict *v, int tensor, const Likeness *how, const float *a,
                            const float *b, const Launch *l, const Copy *copy)
{
    const Program *p = v->a->c.program;
    const Tensor *t = &p->tensors[tensor];
    Shape s = t->shape;
    int64_t i = find_gap(v, a, b, shape_count(s));
    printf("different: %s in step %lld, by %.3g of its largest value (%.3g of its norm): %.9g and %.9g at "
           "n %lld, c %lld, y %lld, x %lld; %d values before it are %s\n", t->name, (long long)v->step,
           how->share, how->norm, (double)a[i], (double)b[i], (long long)(i / (s.c * s.h * s.w)),
           (long long)(i / (s.h * s.w) % s.c), (long long)(i / s.w % s.h), (long long)(i % s.w),
           v->compared, nearness_text(v, (char[60]){ "" }));
    if (l)
        values_print_maker(p, l);
    else
        printf("brought by the copy of %s to %s, %s:%d\n", copy->layer, copy->point, copy->place.path,
               copy->place.line);
}

static bool is_near(Verdict *v, const Likeness *how, int tensor, const Launch *l, const Copy *copy)
{
    const Program *p = v->a->c.program;
    bool is_loose = v->near == NEAR_FREE && values_are_of_gradients(p, tensor, l, copy);
    if (!is_loose && !(how->share <= v->worst))
        v->worst = how->share;
    return v->near == NEAR_ROUNDING ? how->share <= ROUNDING
                                    : how->norm <= (is_loose ? VALUES_FREE_GRADIENT : v->free);
}

static void judge(Verdict *v, int tensor, const float *a, const float *b, const Launch *l, const Copy *copy)
{
    const Program *p = v->a->c.program;
    int64_t count = shape_count(p->tensors[tensor].shape);
    double least = v->near == NEAR_FREE ? values_least_scale(p, l, tensor) : 0;
    Likeness how = verify_compare(a, b, count, ELEMENT_FLOAT, least, (Tolerance){ 1, 1 });
    v->differs = v->near == NEAR_EXACT ? memcmp(a, b, (size_t)count * sizeof *a) != 0
                                       : !is_near(v, &how, tensor, l, copy);
    if (v->differs)
        print_different(v, tensor, &how, a, b, l, copy);
    v->compared += !v->differs;
}

static bool read_side(const Side *s, int tensor, float *to, char *err)
{
    return session_device_class(s->s)->read(session_device(s->s), tensor, to, err);
}

// Bytes that several values have in turn may hold another one by now.
static bool is_there(const Side *s, int tensor)
{
    const Program *p = s->c.program;
    return !p->buffers[p->tensors[tensor].buffer].shared;
}

// Values that the second side does not have (another plan) are passed over.
static bool compare(Verdict *v, int command, int tensor, const Launch *l, const Copy *copy)
{
    int same = v->same[tensor];
    if (v->differs || v->last[tensor] != command || same < 0 || !is_there(v->a, tensor)
        || !is_there(v->b, same))
        return true;
    size_t size = (size_t)shape_count(v->a->c.program->tensors[tensor].shape) * sizeof(float);
    float *a = malloc(size), *b = malloc(size);
    bool good = a && b && read_side(v->a, tensor, a, v->err) && read_side(v->b, same, b, v->err);
    if (good)
        judge(v, tensor, a, b, l, copy);
    free(a);
    free(b);
    return good;
}

// Asked for every tensor that a command of a writes, in their order; false ends it.
typedef bool OfTensor(Verdict *v, int command, int tensor, const Launch *l, const Copy *copy);

static bool note_last(Verdict *v, int command, int tensor, const Launch *l, const Copy *copy)
{
    (void)l;
    (void)copy;
    v->last[tensor] = command;
    return true;
}

static bool ask_launch(Verdict *v, OfTensor *ask, int command, const Launch *l)
{
    for (int i = l->tensor_count - l->writes; i < l->tensor_count; i++)
        if (!ask(v, command, l->tensors[i], l, NULL))
            return false;
    return true;
}

static bool ask_all(Verdict *v, OfTensor *ask)
{
    const Program *p = v->a->c.program;
    const Sequence *q = &p->sequences[v->a->sequence];
    for (int i = 0; i < q->command_count; i++) {
        const Command *c = &q->commands[i];
        if (c->kind == COMMAND_COPY && !ask(v, i, q->copies[c->first].to, NULL, &q->copies[c->first]))
            return false;
        for (int k = c->first; c->kind != COMMAND_COPY && k < c->first + c->count; k++)
            if (!ask_launch(v, ask, i, &q->launches[k]))
                return false;
    }
    return true;
}

// --- running --------------------------------------------------------------------------------------

// Are all devices of both programs of the same kind, and compute in the same precision?
static bool have_equal_targets(const Program *a, const Program *b)
{
    for (int i = 0; i < a->device_count; i++)
        if (strcmp(a->devices[i].target, b->devices[i].target) != 0)
            return false;
    return true;
}

// Of the device where the two differ most.
static double free_tolerance(const Program *a, const Program *b)
{
    double most = 0;
    for (int i = 0; i < a->device_count; i++) {
        double of_device = values_free_tolerance(a->devices[i].target, b->devices[i].target);
        most = of_device > most ? of_device : most;
    }
    return most;
}

static Nearness nearness_of(const DiffVerb *d, const Program *a, const Program *b)
{
    bool is_rough = free_tolerance(a, b) > 1e-2;
    if (!have_equal_targets(a, b) || (d->run.no_fuse && is_rough))
        return NEAR_FREE;
    return d->run.no_fuse ? NEAR_ROUNDING : NEAR_EXACT;
}

static bool run_step(Side *s, const RandomBatch *batch, int64_t step, char *err)
{
    return random_batch_rates(s->s, step, err)
        && session_run(s->s, s->sequence, (const float *const *)batch->images, batch->labels, NULL, err)
        && session_check_guards(s->s, err);
}

static void print_equal(const Verdict *v, int64_t steps)
{
    printf("%s: %d values over %lld steps, largest difference %.3g; %lld bytes copied between devices,"
           " guards intact\n", nearness_text(v, (char[60]){ "" }), v->compared, (long long)steps, v->worst,
           (long long)session_copied_bytes(v->b->s));
}

static int run_both(const DiffVerb *d, Side *a, Side *b)
{
    char err[SESSION_ERROR] = "out of memory";
    const Program *p = a->c.program;
    RandomBatch batch;
    Verdict v = { .a = a, .b = b, .same = values_same(p, b->c.program), .err = err,
                  .last = calloc((size_t)p->tensor_count + 1, sizeof *v.last),
                  .near = nearness_of(d, p, b->c.program),
                  .free = free_tolerance(p, b->c.program) };
    bool good = random_batch_open(&batch, a->s, a->sequence, (uint64_t)d->run.seed) && v.same && v.last;
    good = good && ask_all(&v, note_last);
    for (v.step = 1; v.step <= d->steps && good && !v.differs; v.step++)
        good = run_step(a, &batch, v.step - 1, err) && run_step(b, &batch, v.step - 1, err)
            && ask_all(&v, compare);
    random_batch_close(&batch);
    free(v.same);
    free(v.last);
    if (!good)
        fprintf(stderr, "cleave: %s\n", err);
    else if (!v.differs)
        print_equal(&v, d->steps);
    return good && !v.differs ? EXIT_OK : EXIT_RUN;
}

// Every device on a group or GPU of its own (`step` 1), or all on the first (0): what is compared unless told
// otherwise.
static const char *map_text(const Program *p, int step, char *to, size_t size)
{
    size_t length = 0;
    to[0] = 0;
    for (int i = 0; i < p->device_count && length < size; i++) {
        const char *kind = strncmp(p->devices[i].target, "cuda:", 5) ? "cpu" : "cuda";
        length += (size_t)snprintf(to + length, size - length, "%s%.64s=%s:%d", i ? "," : "",
                                   p->devices[i].name, kind, i * step);
    }
    return to;
}

static int diff_sides(DiffVerb *d, Side *a, Side *b, RunOptions *first, RunOptions *second)
{
    static char together[PROGRAM_DEVICES * 80], spread[PROGRAM_DEVICES * 80];
    const Program *p = a->c.program;
    bool same_map = d->other_threads || d->other_precision || d->run.no_fuse || second->override;
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
    first.no_memory_reuse = second.no_memory_reuse = !d->reuses;
    second.precision = d->other_precision ? d->other_precision : d->run.precision;
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
    static char other_precision[] = "--other-precision";
    DiffVerb d = { .run = { .colour = "auto", .seed = 1 }, .steps = 3 };
    const Option options[] = {
        WITH_NET(&d.run.net), WITH_TARGET(&d.run.target),
        WITH_PRECISION(&d.run.precision), WITH_BATCH(&d.run.batch),
        WITH_SET(&d.run.set), WITH_SEED(&d.run.seed), WITH_MAP(&d.run.map), WITH_THREADS(&d.run.threads),
        WITH_GPUS(d.run),
        { "other-map", OPTION_TEXT, &d.other_map, "A=D,...", "map of the second run (or give --map twice)",
          "every device on a group of its own" },
        { "other-threads", OPTION_THREADS, &d.other_threads, "N", "threads of the second run", "the same" },
        { "other-precision", OPTION_TEXT, &d.other_precision, "P", "precision of the second run (or give"
          " --precision twice)", "the same" },
        { "override", OPTION_TEXT, &d.run.override, "DIR", "edited kernel texts of the second run", "none" },
        { "no-fuse", OPTION_FLAG, &d.run.no_fuse, NULL, "compile the second run without fusion; compare"
          " within 1e-4", "off" },
        { "chunks", OPTION_CHUNKS, &d.run.chunks, "N", "compile the second run so that maps cross in N runs"
          " of images", "as the first" },
        { "reuse", OPTION_FLAG, &d.reuses, NULL, "values share memory, as in `train`: those left at the end"
          " of a step are compared", "off" },
        { "steps", OPTION_NUMBER, &d.steps, "N", "training steps on random data", "3" },
        SHOW_COLOUR(&d.run.colour),
    };
    const Usage usage = { "diff", "FILE.net", "Run the same steps in two ways and compare every value.",
                          "cleave diff nets/alexnet.net --batch 8 --steps 3", 1, 1, options,
                          sizeof options / sizeof *options };
    int first, code;
    name_second(argc, argv, "--map", other_map);
    name_second(argc, argv, "--threads", other_threads);
    name_second(argc, argv, "--precision", other_precision);
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    d.run.path = argv[first];
    return diff_files(&d);
}
