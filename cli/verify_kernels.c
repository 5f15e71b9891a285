// cleave verify --kernels: every kernel of a net, or of many small ones, on its own. A training step runs
// on the GPU from random values, a virtual one with everything watched; each group of operations is then
// computed in double from the values that its kernel read, and what the kernel left is held against that.
#include "cli/verify.h"
#include "cli/gpus.h"
#include "evaluate/evaluate.h"
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LR       0.125
#define MOMENTUM 0.75
#define DECAY    0.0625
// A sum of floats is off by so much of the largest, whatever its order: some thousand terms one by one by
// 3e-6.
#define SUM_ERROR 1e-5
enum { ROWS_MOST = 256 };

typedef struct { char body[32], precision[8]; int kernels, wrong; double worst; } Row;

// The table, by kind of kernel and precision.
typedef struct { const VerifyVerb *o; Row rows[ROWS_MOST]; int count, kernels, wrong; } Table;

// A net whose kernels are judged.
typedef struct {
    Table      *table;
    Side        side;
    Graph      *graph;
    Evaluator  *evaluator;
    const char *precision;
    double    **velocity;          // by index of the parameter, whole: before the step
    double     *room;              // for one tensor
    int64_t     number;            // of the net; -1: of a file
    bool        is_told;           // which net it is
    char        err[SESSION_ERROR];
} Case;

// --- values -------------------------------------------------------------------------------------

static int64_t count_of(const Node *n) { return shape_count(n->shape); }

static int find_tensor(const Program *p, const Node *n)
{
    for (int i = 0; i < p->tensor_count; i++) {
        const Tensor *t = &p->tensors[i];
        BufferRole role = p->buffers[t->buffer].role;
        if (!t->is_bytes && role != BUFFER_STATE && role != BUFFER_PARAM && role != BUFFER_VELOCITY
            && shape_equal(t->shape, n->shape) && !strcmp(t->name, n->name))
            return i;
    }
    return -1;
}

static bool read_tensor(Case *c, int tensor, double *to)
{
    int64_t count = shape_count(c->side.c.program->tensors[tensor].shape);
    float *values = malloc((size_t)count * sizeof *values);
    Session *s = c->side.s;
    bool good = values && session_device_class(s)->read(session_device(s), tensor, values, c->err);
    for (int64_t i = 0; i < count && good; i++)
        to[i] = (double)values[i];
    free(values);
    return good;
}

// A float for every number, also where it came from one.
static float *floats_of(double *values, int64_t count)
{
    float *to = malloc((size_t)count * sizeof *to);
    for (int64_t i = 0; i < count && to; i++) {
        to[i] = (float)values[i];
        values[i] = (double)to[i];
    }
    return to;
}

// The same batch as often as a step has batches: their mean is its gradient.
static float *repeated(double *values, int64_t count, int times)
{
    float *one = floats_of(values, count), *all = malloc((size_t)(count * times) * sizeof *all);
    for (int i = 0; i < times && one && all; i++)
        memcpy(all + i * count, one, (size_t)count * sizeof *all);
    if (!one) {
        free(all);
        all = NULL;
    }
    free(one);
    return all;
}

static bool write_param(Case *c, int i)
{
    int64_t count = shape_count(c->graph->params[i]->shape);
    c->velocity[i] = ARENA_ARRAY(&c->side.c.arena, double, count);
    for (int64_t k = 0; k < count; k++)
        c->velocity[i][k] = (double)(k % 7) * 0.25 - 0.5;
    float *w = floats_of(c->evaluator->param[i], count), *v = floats_of(c->velocity[i], count);
    bool good = w && v && session_write_param(c->side.s, i, w, c->err)
        && session_write_velocity(c->side.s, i, v, c->err);
    free(w);
    free(v);
    return good;
}

// --- the step -----------------------------------------------------------------------------------

static bool set_values(Case *c)
{
    Evaluator *e = c->evaluator;
    int params = c->graph->param_count;
    ParamRates *rates = ARENA_ARRAY(&c->side.c.arena, ParamRates, params);
    for (int i = 0; i < params; i++) {
        rates[i] = (ParamRates){ (float)LR, (float)MOMENTUM, (float)DECAY, 0 };
        if (!write_param(c, i))
            return false;
    }
    session_set_rates(c->side.s, rates);
    e->seed = session_seed(c->side.s);
    e->step = session_step(c->side.s);
    e->frozen = true;
    return true;
}

static bool run_step(Case *c)
{
    const Evaluator *e = c->evaluator;
    const Sequence *q = &c->side.c.program->sequences[c->side.sequence];
    float *images[8] = { NULL };
    int total = session_images(c->side.s, c->side.sequence);
    int32_t *labels = calloc((size_t)total, sizeof *labels);
    bool good = labels != NULL;
    for (int i = 0; i < e->input_count && i < 8 && good; i++)
        good = (images[i] = repeated(e->input[i], shape_count(c->graph->inputs[i].node->shape),
                                     q->accumulate)) != NULL;
    for (int i = 0; i < total && good; i++)
        labels[i] = (int32_t)e->label[i % q->batch];
    const float *const *inputs = (const float *const *)images;
    good = good && session_run(c->side.s, c->side.sequence, inputs, labels, NULL, c->err);
    for (int i = 0; i < 8; i++)
        free(images[i]);
    free(labels);
    return good;
}

// --- judging ------------------------------------------------------------------------------------

static double half_a_step(Element e)
{
    return e == ELEMENT_BF16 ? 0x1p-8 : e == ELEMENT_TF32 ? 0x1p-11 : 0x1p-24;
}

static const Launch *launch_that_writes(const Program *p, int sequence, int tensor)
{
    const Sequence *q = &p->sequences[sequence];
    for (int i = q->launch_count - 1; i >= 0; i--) {
        const Launch *l = &q->launches[i];
        for (int k = l->tensor_count - l->writes; k < l->tensor_count; k++)
            if (l->tensors[k] == tensor)
                return l;
    }
    return NULL;
}

static Row *row_of(Table *t, const char *body, const char *precision)
{
    for (int i = 0; i < t->count; i++)
        if (!strcmp(t->rows[i].body, body) && !strcmp(t->rows[i].precision, precision))
            return &t->rows[i];
    Row *r = &t->rows[t->count < ROWS_MOST ? t->count++ : ROWS_MOST - 1];
    snprintf(r->body, sizeof r->body, "%s", body);
    snprintf(r->precision, sizeof r->precision, "%s", precision);
    return r;
}

// Which net it was, once.
static void tell_net(Case *c)
{
    if (c->is_told || c->number < 0)
        return;
    c->is_told = true;
    const RunOptions *o = &c->table->o->run;
    printf("  net %lld of seed %lld, in %s: cleave verify --kernels --seed %lld --case %lld --precision %s\n",
           (long long)c->number, (long long)o->seed, c->precision, (long long)o->seed, (long long)c->number,
           c->precision);
    verify_net(stdout, (uint64_t)o->seed, c->number);
}

static void tell_wrong(Case *c, const Launch *l, const char *tensor, int64_t at, double is, double want,
                       double most)
{
    const Kernel *k = &c->side.c.program->kernels[l->kernel];
    printf("wrong: %s (%s) in %s: number %lld of %s is %.9g, not %.9g; numbers go up to %.3g\n", k->symbol,
           k->body, c->precision, (long long)at, tensor, is, want, most);
    printf("  %s", l->title);
    for (int i = 0; i < l->place_count && c->number < 0; i++)
        printf(", %s:%d", l->places[i].path, l->places[i].line);
    putchar('\n');
    tell_net(c);
}

// Judges what a kernel has left in a tensor; `most` is the least that counts as the largest.
static bool judge(Case *c, int tensor, const double *want, double most)
{
    const Program *p = c->side.c.program;
    const Tensor *t = &p->tensors[tensor];
    const Launch *l = launch_that_writes(p, c->side.sequence, tensor);
    int64_t count = shape_count(t->shape), wrong_at = -1;
    if (!l)
        return true;
    c->room = ARENA_ARRAY(&c->side.c.arena, double, count);
    if (!read_tensor(c, tensor, c->room))
        return false;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(want[i]));
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        double gap = fabs(c->room[i] - want[i]);
        double rounding = 1.01 * half_a_step(t->layout.element) * fabs(want[i]);
        bool right = gap <= rounding + SUM_ERROR * most + 1e-37;
        wrong_at = right || wrong_at >= 0 ? wrong_at : i;
        worst = right && most > 0 ? fmax(worst, (gap - rounding) / most) : worst;
    }
    Row *r = row_of(c->table, p->kernels[l->kernel].body, c->precision);
    r->worst = fmax(r->worst, worst);
    r->wrong += wrong_at >= 0;
    c->table->wrong += wrong_at >= 0;
    if (wrong_at >= 0)
        tell_wrong(c, l, t->name, wrong_at, c->room[wrong_at], want[wrong_at], most);
    return true;
}

static const ParamPart *part_of(const Program *p, const Node *param)
{
    const ProgramParam *of = &p->params[param->attr.param.param->index];
    for (int i = 0; i < of->part_count; i++)
        if (of->parts[i].first_row == param->attr.param.first_row)
            return &of->parts[i];
    return NULL;
}

static bool judge_update(Case *c, const Node *sgd)
{
    const Node *param = sgd->in[0];
    int64_t count = count_of(param);
    const ParamPart *part = part_of(c->side.c.program, param);
    const double *w = c->evaluator->value[param->id], *g = c->evaluator->value[sgd->in[1]->id];
    int index = param->attr.param.param->index;
    const double *before = c->velocity[index] + (w - c->evaluator->param[index]);
    double *v = ARENA_ARRAY(&c->side.c.arena, double, count);
    double *next = ARENA_ARRAY(&c->side.c.arena, double, count);
    const EvaluatorRates rates = { LR, MOMENTUM, DECAY };
    for (int64_t i = 0; i < count; i++) {
        v[i] = before[i];
        next[i] = w[i];
        evaluator_follow(sgd->attr.update.rule, &rates, g[i], &next[i], &v[i]);
    }
    int copy = param->rounded ? find_tensor(c->side.c.program, param->rounded) : -1;
    return part && judge(c, part->velocity, v, 0) && judge(c, part->tensor, next, 0)
        && (copy < 0 || judge(c, copy, next, 0));
}

// What tensor cores read: floats are rounded in the loop.
static void round_operands(Case *c, const Group *g, double *stored[2])
{
    for (int i = 0; i < 2; i++) {
        const Node *n = g->root->in[i];
        stored[i] = c->evaluator->value[n->id];
        double *rounded = ARENA_ARRAY(&c->side.c.arena, double, count_of(n));
        for (int64_t k = 0; k < count_of(n); k++)
            rounded[k] = verify_rounded(stored[i][k], ELEMENT_TF32);
        c->evaluator->value[n->id] = rounded;
    }
}

static void compute(Case *c, const Group *g)
{
    Evaluator *e = c->evaluator;
    bool in_loop = op_has(g->root->op, OP_CONTRACTION) && !strcmp(c->precision, "tf32");
    double *stored[2];
    if (in_loop)
        round_operands(c, g, stored);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        evaluator_compute(e, n);
        bool rounds = i == g->prologue_count - 1 || node_is_rounded(n);
        for (int64_t k = 0; k < count_of(n) && rounds; k++)
            e->value[n->id][k] = verify_rounded(e->value[n->id][k], n->layout.element);
    }
    for (int i = 0; i < 2 && in_loop; i++)
        e->value[g->root->in[i]->id] = stored[i];
}

static bool judge_group(Case *c, const Group *g)
{
    Evaluator *e = c->evaluator;
    for (int i = 0; i < g->input_count; i++) {
        const Node *n = g->inputs[i];
        bool is_kept = n->op == OP_PARAM || n->op == OP_LABEL || node_is_rounded(n);   // changed since
        int tensor = is_kept ? -1 : find_tensor(c->side.c.program, n);
        if (tensor >= 0 && !read_tensor(c, tensor, e->value[n->id]))
            return false;
    }
    compute(c, g);
    bool good = true;
    for (int i = 0; i < g->count && good; i++)
        good = !op_has(g->nodes[i]->op, OP_UPDATE) || judge_update(c, g->nodes[i]);
    for (int i = 0; i < g->output_count && good; i++) {
        const Node *n = g->outputs[i];
        int tensor = node_is_rounded(n) ? -1 : find_tensor(c->side.c.program, n);
        double least = g->pattern != PATTERN_LOSS ? 0 : n->shape.c == 1 ? 1 : 1.0 / (double)n->shape.n;
        good = tensor < 0 || judge(c, tensor, e->value[n->id], least);
    }
    return good;
}

static void count_kernels(Case *c)
{
    const Program *p = c->side.c.program;
    const Sequence *q = &p->sequences[c->side.sequence];
    for (int i = 0; i < q->launch_count; i++)
        row_of(c->table, p->kernels[q->launches[i].kernel].body, c->precision)->kernels++;
    c->table->kernels += q->launch_count;
}

static bool judge_all(Case *c)
{
    Compilation *made = &c->side.c;
    c->graph = made->graphs[GRAPH_TRAIN];
    c->evaluator = evaluator_open(&made->arena, c->graph);
    c->velocity = ARENA_ARRAY(&made->arena, double *, c->graph->param_count);
    evaluator_fill(c->evaluator, (uint64_t)c->table->o->run.seed);
    if (!set_values(c))
        return false;
    evaluator_run(c->evaluator);
    if (!run_step(c))
        return false;
    count_kernels(c);
    for (int i = 0; i < c->graph->group_count; i++)
        if (c->graph->groups[i]->pattern != PATTERN_COPY && !judge_group(c, c->graph->groups[i]))
            return false;
    return session_check_guards(c->side.s, c->err);
}

static bool judge_within_memory(Case *c)
{
    return setjmp(c->side.c.exhausted) == 0 && judge_all(c);
}

// --- nets ---------------------------------------------------------------------------------------

static const char *precision_of(const Program *p)
{
    const char *target = p->devices[0].target;
    return strstr(target, ":fp32") ? "fp32" : strstr(target, ":bf16") ? "bf16" : "tf32";
}

// `precision`: NULL is the file's.
static int judge_net(Table *t, const char *path, const char *precision, int64_t number)
{
    Case c = { .table = t, .precision = precision ? precision : "?", .number = number,
               .err = "out of memory" };
    RunOptions o = t->o->run;
    o.path = path;
    o.precision = precision;
    o.no_memory_reuse = true;
    int code = run_compile(&c.side.c, &o, 1 << GRAPH_TRAIN);
    int reports = gpus_reports(&o);
    if (code == EXIT_OK && !(c.side.s = run_open(&c.side.c, &o)))
        code = EXIT_MACHINE;
    if (code == EXIT_OK) {
        c.precision = precision_of(c.side.c.program);
        c.side.sequence = session_find_sequence(c.side.s, SEQUENCE_TRAIN, 0);
        if (!judge_within_memory(&c)) {
            fprintf(stderr, "cleave: %s\n", c.err);
            code = EXIT_RUN;
        }
    }
    if (gpus_reports(&o) > reports || code != EXIT_OK)
        tell_net(&c);
    session_close(c.side.s);
    compile_close(&c.side.c);
    return code;
}

static int judge_drawn(Table *t, int64_t number, const char *precision)
{
    char name[48];
    snprintf(name, sizeof name, "net-%lld.net", (long long)number);
    FILE *f = fopen(name, "w");
    if (f)
        verify_net(f, (uint64_t)t->o->run.seed, number);
    if (!f || fclose(f)) {
        fprintf(stderr, "cleave: cannot write a net to the folder for temporary files\n");
        return EXIT_RUN;
    }
    int code = judge_net(t, name, precision, number);
    unlink(name);
    return code;
}

// In a folder of its own, so that texts hold the same names in every run and come from the cache.
static int judge_all_drawn(Table *t)
{
    static const char *const precisions[] = { "fp32", "tf32", "bf16" };
    const VerifyVerb *o = t->o;
    char folder[] = "/tmp/cleave-verify-XXXXXX";
    int back = open(".", O_RDONLY | O_CLOEXEC), code = EXIT_OK;
    if (back < 0 || !mkdtemp(folder) || chdir(folder)) {
        fprintf(stderr, "cleave: cannot make a folder in /tmp\n");
        return EXIT_RUN;
    }
    int64_t first = o->one >= 0 ? o->one : 0, end = o->one >= 0 ? o->one + 1 : o->cases;
    for (int64_t i = first; i < end && code == EXIT_OK; i++)
        code = judge_drawn(t, i, o->run.precision ? o->run.precision : precisions[i % 3]);
    if (fchdir(back))
        code = EXIT_RUN;
    close(back);
    rmdir(folder);
    return code;
}

static int by_name(const void *a, const void *b)
{
    const Row *x = a, *y = b;
    int order = strcmp(x->body, y->body);
    return order ? order : strcmp(x->precision, y->precision);
}

static void print_table(Table *t)
{
    qsort(t->rows, (size_t)t->count, sizeof *t->rows, by_name);
    printf("%-20s %-9s %7s %6s  %s\n", "kernel", "precision", "cases", "wrong",
           "worst error of the right ones");
    for (int i = 0; i < t->count; i++)
        printf("%-20s %-9s %7d %6d  %.2g of the largest\n", t->rows[i].body, t->rows[i].precision,
               t->rows[i].kernels, t->rows[i].wrong, t->rows[i].worst);
    printf("%d kernels of %d kinds, %d results wrong\n", t->kernels, t->count, t->wrong);
}

int verify_kernels(const VerifyVerb *o)
{
    VerifyVerb mine = *o;
    static Table t;
    t = (Table){ .o = &mine };
    if (!mine.run.target && !mine.run.virtual_gpus)
        mine.run.virtual_gpus = 1;
    mine.run.check = true;
    int code = mine.run.path ? judge_net(&t, mine.run.path, mine.run.precision, -1) : judge_all_drawn(&t);
    if (t.count)
        print_table(&t);
    return gpus_end(&mine.run, code == EXIT_OK && t.wrong ? EXIT_RUN : code);
}
