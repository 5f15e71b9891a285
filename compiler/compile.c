// The whole way: file -> AST -> graphs -> passes -> program. Owns the arena of a compilation and
// is the only place that knows what happens when memory runs out.
#include "compile.h"
#include "base/clock.h"
#include "emit/cuda/plan.h"
#include "front/files.h"
#include "look/timeline.h"
#include "override.h"
#include <string.h>

// More than any net of 10,000 layers takes; a file that needs more is broken or hostile.
#define COMPILE_MOST_BYTES ((size_t)4 << 30)

static bool fail(Compilation *c, const char *what)
{
    snprintf(c->err, sizeof c->err, "%s", what);
    return false;
}

// Adds the time since `*last` to a stage; the next one starts now.
static void take_time(double *stage, double *last)
{
    double now = clock_seconds();
    if (stage)
        *stage += now - *last;
    *last = now;
}

static const Target *misuse(Compilation *c)
{
    c->misuse = true;
    return NULL;
}

// What is asked for wins over what the file says, a target named with its precision included; what a file
// says is for GPUs and nothing to a CPU, as is what is asked for where only some devices are GPUs.
static const Target *with_precision(Compilation *c, const CompileOptions *o, const Target *t, bool is_named)
{
    is_named = is_named && (strstr(t->name, ":fp32") || strstr(t->name, ":bf16")
                                  || (t->kind == TARGET_CPU && t->matrix != ELEMENT_FLOAT));
    const char *of_file = is_named || t->kind == TARGET_CPU ? NULL : c->recipe.train.precision;
    bool is_beside_gpus = o->of_device_count && t->kind == TARGET_CPU;
    const char *word = o->precision && !is_beside_gpus ? o->precision : of_file;
    if (!word)
        return t;
    Element asked;
    if (!target_precision(word, &asked)) {
        snprintf(c->err, sizeof c->err, "unknown precision '%.40s': fp32, tf32 or bf16", word);
        return misuse(c);
    }
    const Target *with = is_named && asked != t->matrix ? NULL : target_with(t, asked);
    if (with)
        return with;
    snprintf(c->err, sizeof c->err, "precision %.40s is not what %.40s computes in", word, t->name);
    return misuse(c);
}

static const Target *find_target(Compilation *c, const CompileOptions *o, const char *name)
{
    const Target *t = name ? target_find(name) : target_native();
    if (t)
        return with_precision(c, o, t, name != NULL);
    snprintf(c->err, sizeof c->err, "unknown target '%s': cpu:avx512, avx2, sse2 or neon, with :tf32 "
             "behind it if not fp32; cuda:sm_80, sm_86, sm_89 or sm_90a, with :fp32 or :bf16 if not tf32",
             name);
    return misuse(c);
}

// What is compiled for: `all` is NULL where only passes without a target are asked for.
typedef struct { const Target *all, *of_device[GRAPH_DEVICES]; bool differ; } Targets;

static bool match_devices(Compilation *c, const CompileOptions *o, const Graph *g, Targets *t)
{
    for (int d = 0; d < GRAPH_DEVICES && t->all; d++) {
        t->of_device[d] = t->all;
        for (int i = 0; i < o->of_device_count && d < g->device_count; i++)
            if (!strcmp(o->of_device[i].device, g->devices[d])
                && !(t->of_device[d] = find_target(c, o, o->of_device[i].target)))
                return false;
        t->differ |= t->of_device[d] != t->all;
    }
    return true;
}

static bool stops_before_target(const CompileOptions *o)
{
    for (int i = 0; o->stop_after && i < pass_count && !pass_pipeline[i].needs_target; i++)
        if (!strcmp(pass_pipeline[i].name, o->stop_after))
            return true;
    return false;
}

// All graphs that were asked for, through the passes. They are made anew from the AST for every
// mode, with the same parameters in the same places.
static bool make_graphs(Compilation *c, const CompileOptions *o, Targets *t, int chunks, double *last)
{
    const PassOptions options = { t->all, !o->no_fuse, !o->no_fuse && !o->no_fuse_update,
                                  !o->no_memory_reuse, chunks, t->of_device };
    for (int mode = GRAPH_TRAIN; mode <= GRAPH_PREDICT; mode++) {
        if (!(o->modes >> mode & 1))
            continue;
        Graph *g = front_graph(c->ast, &o->front, (GraphMode)mode, &c->arena, &c->diag);
        if (!g || c->diag.errors)
            return false;
        take_time(&c->times.front, last);
        g->rule = c->recipe.train.rule;
        if (mode == GRAPH_TRAIN && c->recipe.has_train)
            g->accumulate = c->recipe.train.accumulate;
        c->refused = !distribute(g, o->distribution, o->devices, c->err, sizeof c->err);
        if (c->refused || !match_devices(c, o, g, t) || !pass_run(g, t->all ? &options : NULL, o->stop_after))
            return false;
        take_time(&c->times.passes, last);
        c->graphs[mode] = g;
    }
    return true;
}

// The plan of the options; an empty one if they name none. NULL when something was reported.
static const CudaPlan *read_plan(Compilation *c, const CompileOptions *o)
{
    int length = 0;
    const char *text = o->plan ? file_read(&c->arena, &c->diag, o->plan, NO_SPAN, &length) : "";
    CudaPlan *plan = !o->plan ? plan_new(&c->arena)
                   : text     ? plan_read(&c->arena, &c->diag, o->plan, text, length) : NULL;
    if (plan && o->tile_rank > 1)
        plan_set_rank(plan, o->tile_rank);
    return plan;
}

static bool make_program(Compilation *c, const CompileOptions *o, const Targets *t)
{
    Graph *graphs[3];
    int count = 0;
    for (int mode = GRAPH_TRAIN; mode <= GRAPH_PREDICT; mode++)
        if (c->graphs[mode])
            graphs[count++] = c->graphs[mode];
    if (count == 0)
        return fail(c, "nothing to compile was asked for");
    const CudaPlan *plan = read_plan(c, o);
    if (!plan)
        return false;
    c->program = emit_program(graphs, count, &c->recipe, t->of_device, plan, &c->arena, c->err);
    return c->program
        && (!o->override || override_units(c->program, &c->arena, &c->diag, o->override));
}

// --- runs of images -------------------------------------------------------------------------------

// What is tried where nobody said: a net that sends less a step has no message worth cutting, and what
// gains less than one part in 50 is no gain that a prediction can see.
#define WORTH_CUTTING (1 << 20)
static const double least_gain = 0.98;
static const int cuts[] = { 2, 4, 8 };
enum { CUTS = sizeof cuts / sizeof *cuts };

static bool sends_much(const Sequence *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->copy_count; i++)
        bytes += s->copies[i].bytes;
    return bytes >= WORTH_CUTTING;
}

static double predicted(Compilation *c, const CompileOptions *o)
{
    const Link link = { o->link > 0 ? o->link : COMPILE_LINK, o->latency > 0 ? o->latency : COMPILE_LATENCY };
    return timeline_predict(c->program, &c->program->sequences[0], &link, &c->arena).seconds;
}

static bool make(Compilation *c, const CompileOptions *o, Targets *t, int chunks, double *last)
{
    c->chunks = chunks;
    return make_graphs(c, o, t, chunks, last) && (o->stop_after || make_program(c, o, t));
}

// Compiled with each number of runs, the program whose first sequence is predicted to end first stays.
// Nothing is predicted of CPUs.
static bool cut_messages(Compilation *c, const CompileOptions *o, Targets *t, double *last)
{
    if (o->chunks || o->stop_after || t->all->kind != TARGET_CUDA || t->differ
        || !sends_much(&c->program->sequences[0]))
        return true;
    double least = predicted(c, o);
    int best = 1;
    for (int i = 0; i < CUTS; i++) {
        if (!make(c, o, t, cuts[i], last))
            return false;
        double seconds = predicted(c, o);
        if (seconds < least * least_gain) {
            least = seconds;
            best = cuts[i];
        }
    }
    return c->chunks == best || make(c, o, t, best, last);
}

static bool compile(Compilation *c, const CompileOptions *o, const char *path)
{
    double last;
    take_time(NULL, &last);
    c->ast = front_parse(&c->arena, &c->diag, path);
    if (!c->ast || c->diag.errors)
        return false;
    if (!front_recipe(c->ast, &o->front, &c->arena, &c->diag, &c->recipe))
        return false;
    Targets t = { 0 };
    if (!stops_before_target(o) && !(t.all = find_target(c, o, o->target)))
        return false;
    bool made = make(c, o, &t, o->chunks ? o->chunks : 1, &last) && cut_messages(c, o, &t, &last);
    take_time(&c->times.emit, &last);
    return made;
}

bool compile_file(Compilation *c, const CompileOptions *o, const char *path)
{
    memset(c, 0, sizeof *c);
    arena_open(&c->arena, COMPILE_MOST_BYTES, &c->exhausted);
    if (setjmp(c->exhausted))
        return fail(c, "out of memory: the net is too large to compile");
    diag_open(&c->diag, &c->arena);
    return compile(c, o, path);
}

void compile_close(Compilation *c)
{
    arena_close(&c->arena);
}
