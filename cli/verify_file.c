// Training steps on GPUs, each launch of which the CPU then does over, from the values that the GPU began
// with; what they make is compared. So a difference stands at the kernel that makes it, and a relu or a
// maximum that rounding tips over is no fault of what comes after it. Or, with --free, the CPU goes its own
// way: then what leads from one launch and one step to the next is seen, too, and what rounding has tipped
// over is carried on.
#include "cli/verify.h"
#include "cli/random_batch.h"
#include "cli/values.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Side     *cpu, *gpu;
    int      *same;            // by tensor of the CPU's program: the GPU's of that name, or -1
    Tolerance tolerance;
    bool      is_free, lists;
    int       compared;
    int64_t   tipped, numbers; // how many were rounded to a neighbour, of how many
    double    worst;           // largest difference as a share of its tensor's largest value
    int       worst_tensor;    // of the GPU's program, as the next
    int       different;       // the first that is; -1: none
    Likeness  how;
    double    right;           // what would be
    int64_t   step;
    char     *err;
    bool      failed;          // err says why
} Verdict;

// --- comparing --------------------------------------------------------------------------------------

static bool read_tensor(Verdict *v, const Side *s, int tensor, float *to)
{
    return session_device_class(s->s)->read(session_device(s->s), tensor, to, v->err);
}

static bool write_tensor(Verdict *v, const Side *s, int tensor, const float *from)
{
    return session_device_class(s->s)->write(session_device(s->s), tensor, from, v->err);
}

// Judges a tensor of the CPU's program by the GPU's. On ways of their own gradients may be far apart, because
// the place of a maximum is another one where the largest two of a window are near each other.
static void judge(Verdict *v, const Launch *l, const Copy *copy, int of_cpu, const float *cpu,
                  const float *gpu)
{
    const Program *p = v->cpu->c.program;
    int tensor = v->same[of_cpu];
    int64_t count = shape_count(p->tensors[of_cpu].shape);
    Element element = v->gpu->c.program->tensors[tensor].layout.element;
    Likeness how = verify_compare(cpu, gpu, count, element, values_least_scale(p, l, of_cpu), v->tolerance);
    bool is_loose = v->is_free && values_are_of_gradients(p, of_cpu, l, copy);
    double far = v->is_free ? how.norm : how.share;
    double right = is_loose ? VALUES_FREE_GRADIENT : v->tolerance.share;
    if (v->lists)
        printf("%4lld %-24s %10lld numbers, apart by %8.2e of the largest, %8.2e of the norm, %lld tipped\n",
               (long long)v->step, v->gpu->c.program->tensors[tensor].name, (long long)count, how.share,
               how.norm, (long long)how.tipped);
    v->compared++;
    v->numbers += count;
    v->tipped += how.tipped;
    if (!is_loose && !(far <= v->worst)) {
        v->worst = far;
        v->worst_tensor = tensor;
    }
    if (v->is_free ? far <= right : how.same)
        return;
    v->different = tensor;
    v->right = right;
    v->how = how;
}

// What the CPU made is compared with what the GPU made; the launches behind go on from the GPU's. One of
// `l` and `copy` made it.
static bool compare(Verdict *v, const Launch *l, const Copy *copy, int tensor)
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
        judge(v, l, copy, tensor, cpu, gpu);
    bool goes_on = v->is_free || values_are_kept(v->cpu->c.program, tensor);
    good = good && (goes_on || write_tensor(v, v->cpu, tensor, gpu));
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
        return compare(v, NULL, &q->copies[index], q->copies[index].to);
    const Launch *l = &q->launches[index];
    for (int i = l->tensor_count - l->writes; i < l->tensor_count; i++)
        if (!compare(v, l, NULL, l->tensors[i]))
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
    bool good = (v->is_free || copy_params(v)) && random_batch_rates(v->gpu->s, step - 1, v->err)
        && random_batch_rates(v->cpu->s, step - 1, v->err);
    for (int i = 0; i < v->gpu->c.program->sequences[v->gpu->sequence].accumulate && good; i++)
        good = session_run_batch(v->gpu->s, v->gpu->sequence, i, images, b->labels, v->err)
            && session_check_guards(v->gpu->s, v->err)
            && session_walk(v->cpu->s, v->cpu->sequence, i, images, b->labels, compare_launch, v, v->err)
            && !v->failed && v->different < 0;
    return good || (!v->failed && v->different >= 0);
}

// --- what is printed --------------------------------------------------------------------------------

static void print_different(const Verdict *v)
{
    const Program *p = v->gpu->c.program;
    const Sequence *q = &p->sequences[v->gpu->sequence];
    printf("different: %s in step %lld, by ", p->tensors[v->different].name, (long long)v->step);
    if (v->is_free)
        printf("%.3g of its norm (right is at most %g)\n", v->how.norm, v->right);
    else if (!(v->how.share <= v->tolerance.share))
        printf("%.3g of its largest value (right is at most %g)\n", v->how.share, v->tolerance.share);
    else
        printf("%lld numbers that are rounded to the neighbour (right is at most %g %%)\n",
               (long long)v->how.tipped, 100 * v->tolerance.tipped);
    for (int i = 0; i < q->launch_count; i++) {
        const Launch *l = &q->launches[i];
        for (int k = l->tensor_count - l->writes; k < l->tensor_count; k++)
            if (l->tensors[k] == v->different)
                values_print_maker(p, l);
    }
}

static void print_same(const Verdict *v, int64_t steps)
{
    const Program *p = v->gpu->c.program;
    printf("%s and %s agree: %d values in %lld steps%s within %g of their %s, %s worst (%.3g)",
           v->cpu->c.program->devices[0].target, p->devices[0].target, v->compared, (long long)steps,
           v->is_free ? " from the same seed" : "", v->tolerance.share, v->is_free ? "norm" : "largest",
           p->tensors[v->worst_tensor].name, v->worst);
    if (v->tipped)
        printf("; %lld of %lld numbers rounded to the neighbour", (long long)v->tipped,
               (long long)v->numbers);
    putchar('\n');
}

// --- the two runs -----------------------------------------------------------------------------------

// Sums are of floats everywhere, in other orders. Against floats, a GPU's operands and results are rounded
// to 11 bits (tf32) or 8 (bf16). Rounded numbers that go to a neighbour are as many as the errors of sums
// (1e-6) are parts of the distance to it (1e-3).
static Tolerance tolerance_of(const Program *gpu, const Program *cpu, bool is_free)
{
    const char *target = gpu->devices[0].target, *other = cpu->devices[0].target;
    bool is_bf16 = strstr(target, ":bf16");
    if (is_free)
        return (Tolerance){ values_free_tolerance(target, other), 1 };
    if (values_free_tolerance(target, other) < 0.1)
        return (Tolerance){ 2e-5, 0.01 };
    return (Tolerance){ is_bf16 ? 2e-2 : 2e-3, 1 };
}

static int run_both(const VerifyVerb *o, Side *cpu, Side *gpu)
{
    char err[SESSION_ERROR] = "out of memory";
    RandomBatch batch;
    Verdict v = { .cpu = cpu, .gpu = gpu, .is_free = o->is_free, .lists = o->lists,
                  .different = -1, .err = err };
    v.tolerance = tolerance_of(gpu->c.program, cpu->c.program, o->is_free);
    v.same = values_same(cpu->c.program, gpu->c.program);
    bool good = random_batch_open(&batch, cpu->s, cpu->sequence, (uint64_t)o->run.seed) && v.same;
    for (int64_t step = 1; step <= o->steps && good && v.different < 0; step++)
        good = run_step(&v, &batch, step);
    random_batch_close(&batch);
    free(v.same);
    if (!good)
        fprintf(stderr, "cleave: %s\n", err);
    else if (v.different >= 0)
        print_different(&v);
    else
        print_same(&v, o->steps);
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

// The CPU computes as the GPU does, where it can.
static int choose_reference(const VerifyVerb *o, const Program *gpu, RunOptions *cpu)
{
    const char *target = gpu->devices[0].target;
    bool is_tf32 = !strstr(target, ":fp32") && !strstr(target, ":bf16");
    const char *word = o->reference ? o->reference : is_tf32 ? "tf32" : "fp32";
    cpu->precision = word;
    if (!strcmp(word, "fp32") || (is_tf32 && !strcmp(word, "tf32")))
        return EXIT_OK;
    fprintf(stderr, "cleave: --reference %.40s is not for %.40s: say fp32%s\n", word, target,
            is_tf32 ? " or tf32" : "");
    return EXIT_USAGE;
}

int verify_file(const VerifyVerb *o)
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
        code = choose_reference(o, gpu.c.program, &of_cpu);
    of_cpu.chunks = gpu.c.chunks;
    if (code == EXIT_OK)
        code = open_side(&cpu, &of_cpu);
    if (code == EXIT_OK)
        code = run_both(o, &cpu, &gpu);
    code = close_side(&cpu, &of_cpu, code);
    return close_side(&gpu, &of_gpu, code);
}
