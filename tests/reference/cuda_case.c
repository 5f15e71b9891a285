// In: a group of a graph and the evaluator's values. Out: a failed test, or nothing.
#include "reference/cuda_case.h"
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

#define LR       0.125f
#define MOMENTUM 0.75f
#define DECAY    0.0625f
enum { PARAMS = 64, STEPS_MOST = 1 << 24, STEPS_MOST_CHANGED = 1 << 18 };

typedef struct { StepState state; ParamRates rates[PARAMS]; } State;

// What one argument is in memory.
typedef struct CudaRoom { char *at; int64_t bytes; } Room;

typedef struct {
    CudaCase   *of;
    Group      *group;
    const char *body;
    Room       *value, *velocity;  // by node id, of the node whose memory it is
    char      **before;            // what stood in `value` before the launch
    uint8_t   **mark;              // of each element of `value`: a Mark
    Room        state, partial;
} Run;

// Who an element belongs to: what is nobody's must stay as it was.
typedef enum { NOBODYS, PADDING_OF_A_RESULT, RESULT } Mark;

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

// --- elements -----------------------------------------------------------------------------------

// Calls `visit` with the index and the address of every logical element.
typedef void Visit(void *with, int64_t index, int64_t address);

static void each_element(const Node *n, Visit *visit, void *with)
{
    Shape s = n->shape;
    int64_t index = 0;
    for (int64_t b = 0; b < s.n; b++)
        for (int64_t c = 0; c < s.c; c++)
            for (int64_t h = 0; h < s.h; h++)
                for (int64_t w = 0; w < s.w; w++)
                    visit(with, index++, layout_address(&n->layout, s, b, c, h, w));
}

// Calls `visit` with every run of elements that stand side by side: the pixels of a map, halo in, each with
// the padding of its channels.
typedef void VisitRun(void *with, int64_t address, int64_t count);

static void each_run(const Node *n, VisitRun *visit, void *with)
{
    const Layout *l = &n->layout;
    int64_t item = layout_item(l, n->shape), run = l->kind == LAYOUT_NHWC ? layout_pixel(l, n->shape) : item;
    int64_t step = l->pixel_stride ? l->pixel_stride : run;
    int64_t next = l->item_stride ? l->item_stride : item / run * step;
    for (int64_t i = 0; i < n->shape.n; i++)
        for (int64_t p = 0; p < item / run; p++)
            visit(with, i * next + p * step, run);
}

// --- memory -------------------------------------------------------------------------------------

static int64_t bytes_of(const Node *n)
{
    return layout_elements(&n->layout, n->shape) * element_bytes(n->layout.element);
}

static void make_room(Run *r, Room *room, int64_t bytes, int fill)
{
    if (room->at)
        return;
    char *p = arena_alloc(r->of->arena, (size_t)bytes + 256);
    room->at = p + (256 - (uintptr_t)p % 256) % 256;
    room->bytes = bytes;
    memset(room->at, fill, (size_t)bytes);
}

// The node in whose memory a node's values stand, from its element *offset on.
static const Node *home_of(const Node *n, int64_t *offset)
{
    *offset = 0;
    for (; n->view; n = n->view)
        *offset += n->view_offset;
    return n;
}

static char *tensor(Run *r, const Node *n)
{
    int64_t offset;
    const Node *home = home_of(n, &offset);
    make_room(r, &r->value[home->id], bytes_of(home), 0xff);
    return r->value[home->id].at + offset * element_bytes(n->layout.element);
}

typedef struct { char *at; const double *from; Element element; bool is_label; } Scatter;

static void put(void *with, int64_t index, int64_t address)
{
    const Scatter *s = with;
    if (s->is_label) {
        ((int32_t *)(void *)s->at)[address] = (int32_t)s->from[index];
        return;
    }
    float x = (float)element_rounded(s->from[index], s->element);
    if (s->element == ELEMENT_BF16)
        ((uint16_t *)s->at)[address] = element_bf16(x);
    else
        ((float *)s->at)[address] = x;
}

static void scatter(const Node *n, const double *from, char *at)
{
    each_element(n, put, &(Scatter){ at, from, n->layout.element, n->op == OP_LABEL });
}

// What velocities are before the step.
static const double *velocity_of(Run *r, const Node *param)
{
    double *v = ARENA_ARRAY(r->of->arena, double, shape_count(param->shape));
    for (int64_t i = 0; i < shape_count(param->shape); i++)
        v[i] = (double)(i % 7) * 0.25 - 0.5;
    return v;
}

static char *velocity(Run *r, const Node *param)
{
    bool is_new = !r->velocity[param->id].at;
    make_room(r, &r->velocity[param->id], bytes_of(param), 0);
    if (is_new)
        scatter(param, velocity_of(r, param), r->velocity[param->id].at);
    return r->velocity[param->id].at;
}

static char *state(Run *r)
{
    make_room(r, &r->state, sizeof(State), 0);
    State *s = (State *)(void *)r->state.at;
    s->state = (StepState){ .seed = r->of->evaluator->seed, .step = r->of->evaluator->step,
                            .stop = r->of->stopped };
    for (int i = 0; i < PARAMS; i++)
        s->rates[i] = (ParamRates){ LR, MOMENTUM, DECAY, 0 };
    return r->state.at;
}

typedef struct { char *at; int size; } Clear;

static void clear(void *with, int64_t address, int64_t count)
{
    const Clear *c = with;
    memset(c->at + address * c->size, 0, (size_t)(count * c->size));
}

static void fill_tensor(Run *r, const Node *n)
{
    char *at = tensor(r, n);
    each_run(n, clear, &(Clear){ at, element_bytes(n->layout.element) });
    scatter(n, r->of->evaluator->value[n->id], at);
}

// Inputs as they are stored, zeros in their padding, and copies that updates overwrite; everything else is
// no number.
static void fill_tensors(Run *r)
{
    const Group *g = r->group;
    for (int i = 0; i < g->output_count; i++)
        tensor(r, g->outputs[i]);
    for (int i = 0; i < g->input_count; i++)
        fill_tensor(r, g->inputs[i]);
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE) && g->nodes[i]->in[0]->rounded)
            fill_tensor(r, g->nodes[i]->in[0]->rounded);
}

static char *places(Run *r, const Node *pool)
{
    Layout l = layout_compact(pool->layout);
    Room *room = &r->of->places[pool->id];
    make_room(r, room, layout_elements(&l, pool->shape), 0xff);
    return room->at;
}

static char *argument(Run *r, const Kern *k, int i)
{
    if (k->is_state[i])
        return state(r);
    if (k->is_partial[i]) {
        make_room(r, &r->partial, 4 * k->partial, 0xff);
        return r->partial.at;
    }
    if (k->is_places[i])
        return places(r, k->args[i]);
    return k->is_velocity[i] ? velocity(r, k->args[i]) : tensor(r, k->args[i]);
}

// --- whose element it is --------------------------------------------------------------------------

typedef struct { uint8_t *of; Mark mark; } Marks;

static void mark_run(void *with, int64_t address, int64_t count)
{
    const Marks *m = with;
    memset(m->of + address, (int)m->mark, (size_t)count);
}

static void mark_element(void *with, int64_t index, int64_t address)
{
    (void)index;
    mark_run(with, address, 1);
}

static void mark_result(Run *r, const Node *n)
{
    int64_t offset;
    const Node *home = home_of(n, &offset);
    uint8_t *mark = r->mark[home->id] + offset;
    each_run(n, mark_run, &(Marks){ mark, PADDING_OF_A_RESULT });
    each_element(n, mark_element, &(Marks){ mark, RESULT });
}

// Remembers everything, and what may change.
static void remember(Run *r)
{
    const Group *g = r->group;
    for (int i = 0; i < r->of->graph->count; i++) {
        const Room *room = &r->value[i];
        if (!room->at)
            continue;
        r->before[i] = arena_copy(r->of->arena, room->at, (size_t)room->bytes);
        r->mark[i] = ARENA_ARRAY(r->of->arena, uint8_t, room->bytes);
    }
    for (int i = 0; i < g->output_count; i++)
        mark_result(r, g->outputs[i]);
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE) && !r->of->stopped) {
            mark_result(r, g->nodes[i]->in[0]);
            if (g->nodes[i]->in[0]->rounded)
                mark_result(r, g->nodes[i]->in[0]->rounded);
        }
}

static void check_rest(Run *r, const Node *home)
{
    const Room *room = &r->value[home->id];
    int size = element_bytes(home->layout.element);
    for (int64_t i = 0; i < room->bytes / size; i++) {
        Mark m = (Mark)r->mark[home->id][i];
        if (m == PADDING_OF_A_RESULT && element_load(room->at, i, home->layout.element) != 0)
            wrong(r->of, CUDA_WRONG, "%s, %s by %s: padding of %s is not zero", r->of->target->name,
                  r->group->root->name, r->body, home->name);
        if (m == NOBODYS && memcmp(room->at + i * size, r->before[home->id] + i * size, (size_t)size))
            wrong(r->of, CUDA_WRONG, "%s, %s by %s: element %lld of %s is written, which is somebody else's",
                  r->of->target->name, r->group->root->name, r->body, (long long)i, home->name);
    }
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

static void add_memory(VgpuMemory *memory, const Room *room, const char *name)
{
    if (room->at)
        assert_true(vgpu_memory_add(memory, room->at, (size_t)room->bytes, name));
}

// Nobody has written yet what this kernel writes first.
static void forget(VgpuMemory *memory, const Room *room)
{
    assert_true(vgpu_memory_forget(memory, room->at, (size_t)room->bytes));
}

static VgpuMemory *memory_of(Run *r, const Kern *k, bool is_first)
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

static bool launch(Run *r, const Kern *k, const VgpuModule *m, bool is_first, char err[VGPU_ERROR])
{
    char *pointers[KERNEL_TENSORS];
    const void *params[KERNEL_TENSORS];
    for (int i = 0; i < k->arg_count; i++) {
        pointers[i] = argument(r, k, i);
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

static const char *run(Run *r)
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
    Run          *run;
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

static void compare(Run *r, const Node *n, const double *want, const char *at)
{
    Compare c = { r, n, want, at, 0 };
    for (int64_t i = 0; i < shape_count(n->shape); i++)
        c.most = fmax(c.most, fabs(want[i]));
    each_element(n, differ, &c);
}

static void round_value(Run *r, const Node *n)
{
    double *value = r->of->evaluator->value[n->id];
    for (int64_t k = 0; k < shape_count(n->shape); k++)
        value[k] = element_rounded(value[k], n->layout.element);
}

// Values as they are stored.
static void round_inputs(Run *r)
{
    for (int i = 0; i < r->group->input_count; i++)
        round_value(r, r->group->inputs[i]);
}

// The evaluator's results from what the kernel sees: tensor cores round floats once more, in the loop; a
// prologue leaves its value as if it were stored.
static void compute(Run *r)
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
    double is = element_load(tensor(c->run, c->node), address, e);
    double want = element_rounded(element_load(c->at, address, ELEMENT_FLOAT), e);
    if (!(is == want))
        wrong(c->run->of, CUDA_WRONG, "%s, %s by %s: element %lld of %s is %g, not %g as rounded",
              c->run->of->target->name, c->run->group->root->name, c->run->body, (long long)index,
              c->node->name, is, want);
}

static void compare_update(Run *r, const Node *sgd)
{
    const Node *param = sgd->in[0];
    int64_t count = shape_count(param->shape);
    const double *w = r->of->evaluator->value[param->id], *g = r->of->evaluator->value[sgd->in[1]->id];
    const double *before = velocity_of(r, param);
    double *v = ARENA_ARRAY(r->of->arena, double, count), *next = ARENA_ARRAY(r->of->arena, double, count);
    for (int64_t i = 0; i < count; i++) {
        v[i] = MOMENTUM * before[i] - DECAY * LR * w[i] - LR * g[i];
        next[i] = w[i] + v[i];
    }
    compare(r, param, v, velocity(r, param));
    compare(r, param, next, tensor(r, param));
    if (param->rounded)
        each_element(param, round_differs, &(Compare){ r, param->rounded, NULL, tensor(r, param), 0 });
}

// Where the group keeps places, in the last of its nodes that pools.
static void compare_places(Run *r)
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

static void compare_results(Run *r)
{
    const Group *g = r->group;
    compute(r);
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE))
            compare_update(r, g->nodes[i]);
    for (int i = 0; i < g->output_count; i++)
        compare(r, g->outputs[i], r->of->evaluator->value[g->outputs[i]->id], tensor(r, g->outputs[i]));
    compare_places(r);
}

static Run run_of(CudaCase *c, Group *group)
{
    int count = c->graph->count;
    if (!c->places)
        c->places = ARENA_ARRAY(c->arena, Room, count);
    return (Run){ .of = c, .group = group, .value = ARENA_ARRAY(c->arena, Room, count),
                  .velocity = ARENA_ARRAY(c->arena, Room, count),
                  .before = ARENA_ARRAY(c->arena, char *, count),
                  .mark = ARENA_ARRAY(c->arena, uint8_t *, count) };
}

const char *cuda_case_check(CudaCase *c, Group *group)
{
    Run r = run_of(c, group);
    round_inputs(&r);
    fill_tensors(&r);
    remember(&r);
    const char *row = run(&r);
    bool stops = r.state.at && ((const State *)(void *)r.state.at)->state.stop;
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
static void run_in_parts(Run *r, Group *whole, bool in_parts)
{
    Group rest = *whole, first = *whole;
    int before = whole->prologue_count;
    fill_tensors(r);
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
    Run whole = run_of(c, group), parts = run_of(c, group);
    run_in_parts(&whole, group, false);
    run_in_parts(&parts, group, true);
    for (int i = 0; i < group->output_count; i++) {
        const Node *n = group->outputs[i];
        if (memcmp(tensor(&whole, n), tensor(&parts, n), (size_t)bytes_of(n)))
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
