// In: a group of a graph and the evaluator's values. Out: a failed test, or nothing.
#include "reference/cuda_case.h"
#include "reference/case_memory.h"
#include "reference/cuda_places.h"
#include "reference/element.h"
#include "runtime/cuda/build.h"
#include "runtime/vgpu/vgpu.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MOST = 1 << 24, STEPS_MOST_CHANGED = 1 << 18 };

// What a kernel did is not right.
__attribute__((format(printf, 3, 4)))
static void wrong(CudaCase *c, CudaVerdict verdict, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->message, sizeof c->message, fmt, args);
    va_end(args);
    if (!c->back)
        fail_msg("%s", c->message);
    c->verdict = verdict;
    longjmp(*c->back, 1);
}

// --- running ------------------------------------------------------------------------------------

// From the kernel cache, where the same text was compiled before. A changed text may spill.
static VgpuModule *compile(CudaCase *c, const char *text, int pass, const char *what)
{
    char err[VGPU_ERROR];
    const char *changed = c->changed[pass];
    const CudaUnit unit = { "unit.cu", strstr(c->target->flags, "sm_"), changed ? changed : text };
    const SpillAllowance any = { "*", "a changed text" };
    CudaBuildOptions o = { .threads = 1, .allowed = &any, .allowed_count = changed != NULL };
    CudaBuilt built;
    bool ok = cuda_build(c->nvrtc, &unit, 1, &o, &built, err);
    bool same = ok && changed && strcmp(built.out.ptx, c->ptx[pass]) == 0;
    VgpuModule *m = ok && !same ? vgpu_module_load(built.out.ptx, err) : NULL;
    if (ok && !changed && c->back)
        c->ptx[pass] = arena_copy(c->arena, built.out.ptx, strlen(built.out.ptx));
    cuda_built_close(&built, 1);
    if (!m)
        wrong(c, same ? CUDA_SAME : CUDA_REFUSED, "%s, %s: %s", what, c->target->name,
              same ? "the same instructions" : err);
    return m;
}

static void add_memory(VgpuMemory *memory, const CaseRoom *room, const char *name)
{
    if (room->at)
        assert_true(vgpu_memory_add(memory, room->at, (size_t)room->bytes, name));
}

// Nobody has written yet what this kernel writes first.
static void forget(VgpuMemory *memory, const CaseRoom *room)
{
    assert_true(vgpu_memory_forget(memory, room->at, (size_t)room->bytes));
}

static VgpuMemory *memory_of(CaseRun *r, const Kern *k, bool is_first)
{
    VgpuMemory *memory = vgpu_memory_open();
    for (int i = 0; i < r->of->graph->count; i++) {
        const char *name = r->of->graph->nodes[i]->name;
        add_memory(memory, &r->value[i], name);
        add_memory(memory, &r->velocity[i], "velocity");
        add_memory(memory, &r->of->places[i], "places");
    }
    add_memory(memory, &r->state, "state");
    add_memory(memory, &r->partial, "partial sums");
    for (int i = k->arg_count - k->writes; i < k->arg_count; i++)
        if (k->is_places[i])
            forget(memory, &r->of->places[k->args[i]->id]);
        else if (k->is_partial[i] && is_first)
            forget(memory, &r->partial);
        else if (!k->is_velocity[i] && !k->is_state[i] && !k->is_partial[i] && k->args[i]->op != OP_PARAM
                 && !node_is_rounded(k->args[i]) && !k->args[i]->view)
            forget(memory, &r->value[k->args[i]->id]);
    return memory;
}

static bool launch(CaseRun *r, const Kern *k, const VgpuModule *m, bool is_first, char err[VGPU_ERROR])
{
    char *pointers[KERNEL_TENSORS];
    const void *params[KERNEL_TENSORS];
    for (int i = 0; i < k->arg_count; i++) {
        pointers[i] = case_argument(r, k, i);
        params[i] = &pointers[i];
    }
    VgpuMemory *memory = memory_of(r, k, is_first);
    int64_t most = r->of->changed[0] || r->of->changed[1] ? STEPS_MOST_CHANGED : STEPS_MOST;
    VgpuLaunch l = { .grid = { (unsigned)k->grid.x, (unsigned)k->grid.y, (unsigned)k->grid.z },
                     .block = { (unsigned)k->threads, 1, 1 }, .shared_bytes = (unsigned)k->shared,
                     .params = params, .check = true, .memory = memory, .threads = 2,
                     .seed = (uint64_t)r->group->id + 1, .max_steps = most };
    bool ok = vgpu_launch(m, k->symbol, &l, err);
    vgpu_memory_close(memory);
    return ok;
}

static void count_run(CudaCase *c, const char *body)
{
    c->kernels++;
    for (int b = 0; cuda_bodies[b].name; b++)
        c->runs[b] += cuda_bodies[b].name == body;
}

static const char *run(CaseRun *r)
{
    const char *row = NULL;
    char err[VGPU_ERROR];
    Kern k = { .passes = 1 };
    for (int pass = 0, passes = 1; pass < passes; pass++) {
        const CudaCase *of = r->of;
        const char *text = cuda_text(of->arena, of->graph, r->group, of->target, of->plan, pass, &k,
                                     &r->body);
        VgpuModule *m = compile(r->of, text, pass, r->group->root->name);
        if (pass == 0)
            row = k.plan;
        passes = k.passes > passes ? k.passes : passes;
        bool ok = launch(r, &k, m, pass == 0, err);
        vgpu_module_close(m);
        if (!ok)
            wrong(r->of, CUDA_REPORTED, "%s, %s: %s", r->of->target->name, r->group->root->name, err);
        count_run(r->of, r->body);
    }
    return row;
}

// --- judging ------------------------------------------------------------------------------------

typedef struct {
    CaseRun          *run;
    const Node   *node;
    const double *want;
    const char   *at;
    double        most;
} Compare;

// A result is rounded once: to 11 or 8 bits.
static double half_a_step(Element e)
{
    return e == ELEMENT_BF16 ? 0x1p-8 : e == ELEMENT_TF32 ? 0x1p-11 : 0x1p-24;
}

// ... and a sum of floats is off by so much of the largest.
#define SUM_ERROR 3e-6

static void differ(void *with, int64_t index, int64_t address)
{
    const Compare *c = with;
    Element e = c->node->layout.element;
    double is = element_load(c->at, address, e), want = c->want[index];
    double allowed = 1.01 * half_a_step(e) * fabs(want) + SUM_ERROR * c->most + 1e-37;
    if (!(fabs(is - want) <= allowed))
        wrong(c->run->of, CUDA_WRONG, "%s, %s by %s: element %lld of %s is %g, not %g; numbers go up to %g",
              c->run->of->target->name, c->run->group->root->name, c->run->body, (long long)index,
              c->node->name, is, want, c->most);
}

static void compare(CaseRun *r, const Node *n, const double *want, const char *at)
{
    Compare c = { r, n, want, at, 0 };
    for (int64_t i = 0; i < shape_count(n->shape); i++)
        c.most = fmax(c.most, fabs(want[i]));
    case_each_element(n, differ, &c);
}

static void round_value(CaseRun *r, const Node *n)
{
    double *value = r->of->evaluator->value[n->id];
    for (int64_t k = 0; k < shape_count(n->shape); k++)
        value[k] = element_rounded(value[k], n->layout.element);
}

// What no kernel makes is a view of values that others have made: two that overlap hold the same numbers
// there.
static void round_views(CaseRun *r, Node *n)
{
    if (!n->group && op_has(n->op, OP_VIEW)) {
        for (int i = 0; i < n->inputs; i++)
            round_views(r, n->in[i]);
        evaluator_compute(r->of->evaluator, n);
    }
    round_value(r, n);
}

// Values as they are stored.
static void round_inputs(CaseRun *r)
{
    for (int i = 0; i < r->group->input_count; i++)
        round_views(r, r->group->inputs[i]);
}

// The evaluator's results from what the kernel sees: tensor cores round floats once more, in the loop; a
// prologue leaves its value as if it were stored.
static void compute(CaseRun *r)
{
    const Group *g = r->group;
    Evaluator *e = r->of->evaluator;
    bool in_loop = op_has(g->root->op, OP_CONTRACTION) && r->of->target->matrix == ELEMENT_TF32;
    double *stored[2] = { NULL, NULL };
    for (int i = 0; i < 2 && in_loop; i++) {
        const Node *n = g->root->in[i];
        int64_t count = shape_count(n->shape);
        stored[i] = e->value[n->id];
        e->value[n->id] = ARENA_ARRAY(r->of->arena, double, count);
        for (int64_t k = 0; k < count; k++)
            e->value[n->id][k] = element_rounded(stored[i][k], ELEMENT_TF32);
    }
    for (int i = 0; i < g->count; i++) {
        evaluator_compute(e, g->nodes[i]);
        if (i == g->prologue_count - 1)
            round_value(r, g->nodes[i]);
    }
    for (int i = 1; i >= 0 && in_loop; i--)
        e->value[g->root->in[i]->id] = stored[i];
}

// The copy holds what the parameter, stored at `at`, rounds to: the very bits that a relayout would make.
static void round_differs(void *with, int64_t index, int64_t address)
{
    const Compare *c = with;
    Element e = c->node->layout.element;
    double is = element_load(case_tensor(c->run, c->node), address, e);
    double want = element_rounded(element_load(c->at, address, ELEMENT_FLOAT), e);
    if (!(is == want))
        wrong(c->run->of, CUDA_WRONG, "%s, %s by %s: element %lld of %s is %g, not %g as rounded",
              c->run->of->target->name, c->run->group->root->name, c->run->body, (long long)index,
              c->node->name, is, want);
}

static void compare_update(CaseRun *r, const Node *sgd)
{
    const Node *param = sgd->in[0];
    int64_t count = shape_count(param->shape);
    const double *w = r->of->evaluator->value[param->id], *g = r->of->evaluator->value[sgd->in[1]->id];
    const double *before = case_velocity_before(r, param);
    double *v = ARENA_ARRAY(r->of->arena, double, count), *next = ARENA_ARRAY(r->of->arena, double, count);
    const EvaluatorRates rates = { CASE_LR, CASE_MOMENTUM, CASE_DECAY };
    for (int64_t i = 0; i < count; i++) {
        v[i] = before[i];
        next[i] = w[i];
        evaluator_follow(sgd->attr.update.rule, &rates, g[i], &next[i], &v[i]);
    }
    compare(r, param, v, case_velocity(r, param));
    compare(r, param, next, case_tensor(r, param));
    if (param->rounded)
        case_each_element(param, round_differs,
                          &(Compare){ r, param->rounded, NULL, case_tensor(r, param), 0 });
}

// Where the group keeps places, in the last of its nodes that pools.
static void compare_places(CaseRun *r)
{
    const Group *g = r->group;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (n->op != OP_MAX_POOL || !r->of->places[n->id].at)
            continue;
        int64_t at = cuda_places_wrong(n, r->of->evaluator->value[n->in[0]->id],
                                       (const uint8_t *)r->of->places[n->id].at);
        if (at >= 0)
            wrong(r->of, CUDA_WRONG, "%s, %s by %s: the place of element %lld of %s is not the maximum's",
                  r->of->target->name, g->root->name, r->body, (long long)at, n->name);
    }
}

static void compare_results(CaseRun *r)
{
    const Group *g = r->group;
    compute(r);
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE))
            compare_update(r, g->nodes[i]);
    for (int i = 0; i < g->output_count; i++)
        compare(r, g->outputs[i], r->of->evaluator->value[g->outputs[i]->id], case_tensor(r, g->outputs[i]));
    compare_places(r);
}

static void check_rest(CaseRun *r, const Node *home)
{
    const CaseRoom *room = &r->value[home->id];
    int size = element_bytes(home->layout.element);
    for (int64_t i = 0; i < room->bytes / size; i++) {
        CaseMark m = (CaseMark)r->mark[home->id][i];
        if (m == PADDING_OF_A_RESULT && element_load(room->at, i, home->layout.element) != 0)
            wrong(r->of, CUDA_WRONG, "%s, %s by %s: padding of %s is not zero", r->of->target->name,
                  r->group->root->name, r->body, home->name);
        if (m == NOBODYS && memcmp(room->at + i * size, r->before[home->id] + i * size, (size_t)size))
            wrong(r->of, CUDA_WRONG, "%s, %s by %s: element %lld of %s is written, which is somebody else's",
                  r->of->target->name, r->group->root->name, r->body, (long long)i, home->name);
    }
}

static CaseRun run_of(CudaCase *c, Group *group)
{
    int count = c->graph->count;
    if (!c->places)
        c->places = ARENA_ARRAY(c->arena, CaseRoom, count);
    return (CaseRun){ .of = c, .group = group, .value = ARENA_ARRAY(c->arena, CaseRoom, count),
                  .velocity = ARENA_ARRAY(c->arena, CaseRoom, count),
                  .before = ARENA_ARRAY(c->arena, char *, count),
                  .mark = ARENA_ARRAY(c->arena, uint8_t *, count) };
}

const char *cuda_case_check(CudaCase *c, Group *group)
{
    CaseRun r = run_of(c, group);
    round_inputs(&r);
    case_fill_tensors(&r);
    case_remember(&r);
    const char *row = run(&r);
    bool stops = r.state.at && ((const CaseState *)(void *)r.state.at)->state.stop;
    if (stops != c->stops)
        wrong(c, CUDA_WRONG, "%s, %s by %s %s the step", c->target->name, group->root->name, r.body,
              stops ? "stops" : "does not stop");
    if (!stops)
        compare_results(&r);
    for (int i = 0; i < c->graph->count; i++)
        if (r.value[i].at && r.mark[i])
            check_rest(&r, c->graph->nodes[i]);
    return row;
}

// Leaves in `r` what the group's kernel leaves, or those of its prologue and of the rest.
static void run_in_parts(CaseRun *r, Group *whole, bool in_parts)
{
    Group rest = *whole, first = *whole;
    int before = whole->prologue_count;
    case_fill_tensors(r);
    first.pattern = PATTERN_POINTWISE;
    first.root = first.nodes[0];
    first.count = first.epilogue_count = before;
    first.epilogue = first.nodes;
    first.prologue_count = rest.prologue_count = 0;
    first.outputs = &first.nodes[before - 1];
    first.output_count = 1;
    rest.nodes += before;
    rest.count -= before;
    r->group = in_parts ? &first : whole;
    run(r);
    r->group = &rest;
    if (in_parts)
        run(r);
    r->group = whole;
}

void cuda_case_check_prologue(CudaCase *c, Group *group)
{
    CaseRun whole = run_of(c, group), parts = run_of(c, group);
    run_in_parts(&whole, group, false);
    run_in_parts(&parts, group, true);
    for (int i = 0; i < group->output_count; i++) {
        const Node *n = group->outputs[i];
        if (memcmp(case_tensor(&whole, n), case_tensor(&parts, n), (size_t)case_bytes_of(n)))
            fail_msg("%s, %s: a prologue of its own leaves other numbers in %s", c->target->name,
                     group->root->name, n->name);
    }
}

void cuda_case_check_all(CudaCase *c)
{
    for (int i = 0; i < c->graph->group_count; i++)
        if (c->graph->groups[i]->pattern != PATTERN_COPY)
            cuda_case_check(c, c->graph->groups[i]);
}
