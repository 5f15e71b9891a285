// cleave verify: training steps on GPUs, each launch of which the CPU then does over, from the values that
// the GPU began with; what they make is compared. So a difference stands at the kernel that makes it, and a
// relu or a maximum that rounding tips over is no fault of what comes after it.
#include "cli/random_batch.h"
#include "cli/run.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { RunOptions run; int64_t steps; } VerifyVerb;

// One of the two runs.
typedef struct { Compilation c; Session *s; int sequence; } Side;

typedef struct {
    Side   *cpu, *gpu;
    int    *same;              // by tensor of the CPU's program: the GPU's of that name, or -1
    double  tolerance;         // of the largest value of a tensor
    int     compared;
    double  worst;             // largest difference as a share of its tensor's largest value
    int     worst_tensor;      // of the GPU's program, as the next
    int     different;         // the first that is; -1: none
    double  share;
    int64_t step;
    char   *err;
    bool    failed;            // err says why
} Verdict;

// The CPU computes in floats. A GPU's operands are rounded to 11 bits (tf32) or 8 (bf16), results, too; sums
// are of floats everywhere, in other orders.
static double tolerance_of(const Program *gpu)
{
    const char *target = gpu->devices[0].target;
    return strstr(target, ":fp32") ? 2e-5 : strstr(target, ":bf16") ? 2e-2 : 2e-3;
}

// --- which tensors are the same ---------------------------------------------------------------------

static BufferRole role_of(const Program *p, int tensor) { return p->buffers[p->tensors[tensor].buffer].role; }

static bool is_kept(const Program *p, int tensor)
{
    return role_of(p, tensor) == BUFFER_PARAM || role_of(p, tensor) == BUFFER_VELOCITY;
}

static int find_same(const Program *cpu, int tensor, const Program *gpu)
{
    const Tensor *t = &cpu->tensors[tensor];
    BufferRole role = role_of(cpu, tensor);
    for (int i = 0; i < gpu->tensor_count; i++) {
        const Tensor *u = &gpu->tensors[i];
        if (!t->is_bytes && !u->is_bytes && role != BUFFER_STATE && role_of(gpu, i) != BUFFER_STATE
            && is_kept(cpu, tensor) == is_kept(gpu, i) && shape_equal(t->shape, u->shape)
            && !strcmp(t->name, u->name))
            return i;
    }
    return -1;
}

static bool find_all_same(Verdict *v)
{
    const Program *cpu = v->cpu->c.program;
    v->same = calloc((size_t)cpu->tensor_count + 1, sizeof *v->same);
    for (int i = 0; i < cpu->tensor_count && v->same; i++)
        v->same[i] = find_same(cpu, i, v->gpu->c.program);
    return v->same != NULL;
}

// --- comparing --------------------------------------------------------------------------------------

static bool read_tensor(Verdict *v, const Side *s, int tensor, float *to)
{
    return session_device_class(s->s)->read(session_device(s->s), tensor, to, v->err);
}

static bool write_tensor(Verdict *v, const Side *s, int tensor, const float *from)
{
    return session_device_class(s->s)->write(session_device(s->s), tensor, from, v->err);
}

// A loss comes from probabilities: where one is all but 1 the error of its logarithm, or of its difference
// to 1 (the gradient, a share of the batch), is not smaller for that.
static double least_scale(const Program *p, const Launch *l, int tensor)
{
    if (!l || l->layer[0])
        return 0;
    return role_of(p, tensor) == BUFFER_OUTPUT ? 1 : 1.0 / (double)p->tensors[tensor].shape.n;
}

static void judge(Verdict *v, int tensor, double scale, const float *cpu, const float *gpu, int64_t count)
{
    double most = scale, gap = 0;
    for (int64_t i = 0; i < count; i++) {
        double one = fabs((double)cpu[i] - (double)gpu[i]);
        most = fmax(most, fabs((double)cpu[i]));
        gap = one <= gap ? gap : one;                        // NaN stays
    }
    double share = most > 0 ? gap / most : gap;
    v->compared++;
    if (!(share <= v->worst)) {
        v->worst = share;
        v->worst_tensor = tensor;
    }
    if (share <= v->tolerance)
        return;
    v->different = tensor;
    v->share = share;
}

// What the CPU made is compared with what the GPU made; the launches behind go on from the GPU's. `l` is NULL
// for a copy.
static bool compare(Verdict *v, const Launch *l, int tensor)
{
    int same = v->same[tensor];
    if (same < 0)
        return true;
    int64_t count = shape_count(v->cpu->c.program->tensors[tensor].shape);
    float *cpu = malloc((size_t)count * sizeof *cpu), *gpu = malloc((size_t)count * sizeof *gpu);
    if (!cpu || !gpu)
        snprintf(v->err, SESSION_ERROR, "out of memory");
    bool good = cpu && gpu && read_tensor(v, v->cpu, tensor, cpu) && read_tensor(v, v->gpu, same, gpu);
    if (good)
        judge(v, same, least_scale(v->cpu->c.program, l, tensor), cpu, gpu, count);
    good = good && (is_kept(v->cpu->c.program, tensor) || write_tensor(v, v->cpu, tensor, gpu));
    free(cpu);
    free(gpu);
    v->failed |= !good;
    return good && v->different < 0;
}

static bool compare_launch(void *context, bool is_copy, int index)
{
    Verdict *v = context;
    const Sequence *q = &v->cpu->c.program->sequences[v->cpu->sequence];
    if (is_copy)
        return compare(v, NULL, q->copies[index].to);
    const Launch *l = &q->launches[index];
    for (int i = l->tensor_count - l->writes; i < l->tensor_count; i++)
        if (!compare(v, l, l->tensors[i]))
            return false;
    return true;
}

// --- running ----------------------------------------------------------------------------------------

// The CPU's parameters and velocities become the GPU's.
static bool copy_params(Verdict *v)
{
    const Program *p = v->gpu->c.program;
    for (int i = 0; i < p->param_count; i++) {
        float *values = malloc((size_t)shape_count(p->params[i].shape) * sizeof *values);
        bool good = values && session_read_param(v->gpu->s, i, values, v->err)
            && session_write_param(v->cpu->s, i, values, v->err)
            && session_read_velocity(v->gpu->s, i, values, v->err)
            && session_write_velocity(v->cpu->s, i, values, v->err);
        free(values);
        if (!good)
            return false;
    }
    return true;
}

static bool run_step(Verdict *v, const RandomBatch *b, int64_t step)
{
    const float *const *images = (const float *const *)b->images;
    session_set_step(v->cpu->s, session_step(v->gpu->s));
    v->step = step;
    return copy_params(v) && random_batch_rates(v->gpu->s, step - 1, v->err)
        && random_batch_rates(v->cpu->s, step - 1, v->err)
        && session_run(v->gpu->s, v->gpu->sequence, images, b->labels, NULL, v->err)
        && session_check_guards(v->gpu->s, v->err)
        && session_walk(v->cpu->s, v->cpu->sequence, images, b->labels, compare_launch, v, v->err)
        && !v->failed;
}

// --- what is printed --------------------------------------------------------------------------------

static void print_maker(const Program *p, const Launch *l)
{
    const Kernel *k = &p->kernels[l->kernel];
    printf("made by %s (%s): %s", k->symbol, k->body, l->title);
    for (int i = 0; i < l->place_count; i++)
        printf(", %s:%d", l->places[i].path, l->places[i].line);
    putchar('\n');
}

static void print_different(const Verdict *v)
{
    const Program *p = v->gpu->c.program;
    const Sequence *q = &p->sequences[v->gpu->sequence];
    printf("different: %s in step %lld, by %.3g of its largest value (right is at most %g)\n",
           p->tensors[v->different].name, (long long)v->step, v->share, v->tolerance);
    for (int i = 0; i < q->launch_count; i++) {
        const Launch *l = &q->launches[i];
        for (int k = l->tensor_count - l->writes; k < l->tensor_count; k++)
            if (l->tensors[k] == v->different)
                print_maker(p, l);
    }
}

static int run_both(const VerifyVerb *o, Side *cpu, Side *gpu)
{
    char err[SESSION_ERROR] = "out of memory";
    const Program *p = gpu->c.program;
    RandomBatch batch;
    Verdict v = { .cpu = cpu, .gpu = gpu, .tolerance = tolerance_of(p), .different = -1, .err = err };
    bool good = random_batch_open(&batch, cpu->s, cpu->sequence, (uint64_t)o->run.seed) && find_all_same(&v);
    for (int64_t step = 1; step <= o->steps && good && v.different < 0; step++)
        good = run_step(&v, &batch, step);
    random_batch_close(&batch);
    free(v.same);
    if (!good)
        fprintf(stderr, "cleave: %s\n", err);
    else if (v.different >= 0)
        print_different(&v);
    else
        printf("%s and %s agree: %d values in %lld steps within %g of their largest, %s worst (%.3g)\n",
               cpu->c.program->devices[0].target, p->devices[0].target, v.compared, (long long)o->steps,
               v.tolerance, p->tensors[v.worst_tensor].name, v.worst);
    return good && v.different < 0 ? EXIT_OK : EXIT_RUN;
}

static int open_side(Side *s, const RunOptions *o)
{
    int code = run_compile(&s->c, o, 1 << GRAPH_TRAIN);
    if (code != EXIT_OK)
        return code;
    s->s = run_open(&s->c, o);
    s->sequence = s->s ? session_find_sequence(s->s, SEQUENCE_TRAIN, 0) : -1;
    return s->s ? EXIT_OK : EXIT_MACHINE;
}

static int close_side(Side *s, const RunOptions *o, int code)
{
    if (s->s)
        code = run_close(s->s, o, code);
    compile_close(&s->c);
    return code;
}

static int verify_file(const VerifyVerb *o)
{
    static Side cpu, gpu;
    RunOptions of_gpu = o->run, of_cpu = o->run;
    of_gpu.no_memory_reuse = of_cpu.no_memory_reuse = true;      // every value is there at the end of a step
    of_gpu.target = o->run.target ? o->run.target : "cuda";
    of_cpu.target = of_cpu.precision = of_cpu.map = of_cpu.plan = of_cpu.override = NULL;
    of_cpu.check = of_cpu.no_graphs = false;
    of_cpu.virtual_gpus = of_cpu.vgpu_seed = 0;
    int code = open_side(&gpu, &of_gpu);
    if (code == EXIT_OK && !session_runs_on_gpus(gpu.c.program)) {
        fprintf(stderr, "cleave: verify compares a GPU with the CPU, and --target %.40s is a CPU\n",
                of_gpu.target);
        code = EXIT_USAGE;
    }
    if (code == EXIT_OK)
        code = open_side(&cpu, &of_cpu);
    if (code == EXIT_OK)
        code = run_both(o, &cpu, &gpu);
    code = close_side(&cpu, &of_cpu, code);
    return close_side(&gpu, &of_gpu, code);
}

int verb_verify(int argc, char **argv)
{
    VerifyVerb o = { .run = { .colour = "auto", .seed = 1 }, .steps = 3 };
    const Option options[] = {
        WITH_NET(&o.run.net), WITH_TARGET(&o.run.target), WITH_PRECISION(&o.run.precision),
        WITH_PLAN(&o.run.plan), WITH_OVERRIDE(&o.run.override), WITH_BATCH(&o.run.batch),
        WITH_SET(&o.run.set), WITH_SEED(&o.run.seed), WITH_MAP(&o.run.map), WITH_THREADS(&o.run.threads),
        WITH_GPUS(o.run),
        { "no-fuse", OPTION_FLAG, &o.run.no_fuse, NULL, "every operation in a kernel of its own: more values"
          " are compared", "off" },
        { "steps", OPTION_NUMBER, &o.steps, "N", "training steps on random data", "3" },
        SHOW_COLOUR(&o.run.colour),
    };
    const Usage usage = { "verify", "FILE.net",
                          "Run training steps on GPUs, do every launch over on the CPU, compare the values.",
                          "cleave verify nets/digits.net --virtual-gpus 1 --batch 4", 1, 1, options,
                          sizeof options / sizeof *options };
    int first, code;
    if (!options_parse(&usage, argc, argv, &first, &code))
        return code;
    o.run.path = argv[first];
    return verify_file(&o);
}
