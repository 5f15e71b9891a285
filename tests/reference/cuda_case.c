// In: a group of a graph and the evaluator's values. Out: a failed test, or nothing.
#include "reference/cuda_case.h"
#include "runtime/cuda/report.h"
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
enum { PARAMS = 16, STEPS_MOST = 1 << 24 };

typedef struct { StepState state; ParamRates rates[PARAMS]; } State;

// What one argument is in memory.
typedef struct { char *at; int64_t bytes; } Room;

typedef struct {
    CudaCase *of;
    Group    *group;
    Room     *value, *velocity;    // by node id, of the node whose memory it is
    Room      state, partial;
} Run;

// --- numbers ------------------------------------------------------------------------------------

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static uint16_t bf16_of(float x)                         // ties to even
{
    uint32_t u = bits_of(x);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static double rounded(double value, Element e)
{
    float x = (float)value;
    if (e == ELEMENT_TF32)
        return (double)float_of((bits_of(x) + 0x1000) & ~0x1fffu);       // ties away from zero
    return e == ELEMENT_BF16 ? (double)float_of((uint32_t)bf16_of(x) << 16) : (double)x;
}

static double load(const char *at, int64_t i, Element e)
{
    if (e == ELEMENT_BF16)
        return (double)float_of((uint32_t)((const uint16_t *)at)[i] << 16);
    return (double)((const float *)at)[i];
}

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

static char *tensor(Run *r, const Node *n)
{
    int64_t offset = 0;
    const Node *home = n;
    for (; home->view; home = home->view)
        offset += home->view_offset;
    make_room(r, &r->value[home->id], bytes_of(home), 0);
    return r->value[home->id].at + offset * element_bytes(n->layout.element);
}

typedef struct { char *at; const double *from; Element element; } Scatter;

static void put(void *with, int64_t index, int64_t address)
{
    const Scatter *s = with;
    float x = (float)rounded(s->from[index], s->element);
    if (s->element == ELEMENT_BF16)
        ((uint16_t *)s->at)[address] = bf16_of(x);
    else
        ((float *)s->at)[address] = x;
}

static void scatter(const Node *n, const double *from, char *at)
{
    each_element(n, put, &(Scatter){ at, from, n->layout.element });
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
    s->state = (StepState){ .seed = r->of->evaluator->seed, .step = r->of->evaluator->step };
    for (int i = 0; i < PARAMS; i++)
        s->rates[i] = (ParamRates){ LR, MOMENTUM, DECAY, 0 };
    return r->state.at;
}

// Inputs as they are stored; what the kernels write is no number before.
static void fill_tensors(Run *r)
{
    const Group *g = r->group;
    for (int i = 0; i < g->output_count; i++) {
        const Node *n = g->outputs[i];
        memset(tensor(r, n), 0xff, (size_t)bytes_of(n));
    }
    for (int i = 0; i < g->input_count; i++)
        scatter(g->inputs[i], r->of->evaluator->value[g->inputs[i]->id], tensor(r, g->inputs[i]));
}

static char *argument(Run *r, const Kern *k, int i)
{
    if (k->is_state[i])
        return state(r);
    if (k->is_partial[i]) {
        make_room(r, &r->partial, 4 * k->partial, 0xff);
        return r->partial.at;
    }
    return k->is_velocity[i] ? velocity(r, k->args[i]) : tensor(r, k->args[i]);
}

// --- running ------------------------------------------------------------------------------------

static VgpuModule *compile(const CudaCase *c, const char *text, const char *what)
{
    char err[VGPU_ERROR];
    NvrtcOutput out;
    cuda_text_output(c->nvrtc, text, c->target, what, &out);
    VgpuModule *m = vgpu_module_load(out.ptx, err);
    if (!m)
        fail_msg("%s: %s", what, err);
    nvrtc_output_close(&out);
    return m;
}

static void add_memory(VgpuMemory *memory, const Room *room, const char *name)
{
    if (room->at)
        assert_true(vgpu_memory_add(memory, room->at, (size_t)room->bytes, name));
}

static void launch(Run *r, const Kern *k, const VgpuModule *m)
{
    char err[VGPU_ERROR];
    char *pointers[KERNEL_TENSORS];
    const void *params[KERNEL_TENSORS];
    for (int i = 0; i < k->arg_count; i++) {
        pointers[i] = argument(r, k, i);
        params[i] = &pointers[i];
    }
    VgpuMemory *memory = vgpu_memory_open();
    for (int i = 0; i < r->of->graph->count; i++) {
        add_memory(memory, &r->value[i], r->of->graph->nodes[i]->name);
        add_memory(memory, &r->velocity[i], "velocity");
    }
    add_memory(memory, &r->state, "state");
    add_memory(memory, &r->partial, "partial sums");
    VgpuLaunch l = { .grid = { (unsigned)k->grid.x, (unsigned)k->grid.y, (unsigned)k->grid.z },
                     .block = { (unsigned)k->threads, 1, 1 }, .shared_bytes = (unsigned)k->shared,
                     .params = params, .check = true, .memory = memory, .threads = 2,
                     .seed = (uint64_t)r->group->id + 1, .max_steps = STEPS_MOST };
    if (!vgpu_launch(m, k->symbol, &l, err))
        fail_msg("%s, %s: %s", r->of->target->name, r->group->root->name, err);
    vgpu_memory_close(memory);
}

static const char *run(Run *r, const char **body)
{
    const char *row = NULL;
    Kern k = { .passes = 1 };
    for (int pass = 0, passes = 1; pass < passes; pass++) {
        const CudaCase *of = r->of;
        const char *text = cuda_text(of->arena, of->graph, r->group, of->target, of->plan, pass, &k,
                                     body);
        VgpuModule *m = compile(r->of, text, r->group->root->name);
        if (pass == 0)
            row = k.plan;
        passes = k.passes > passes ? k.passes : passes;
        launch(r, &k, m);
        vgpu_module_close(m);
        r->of->kernels++;
    }
    return row;
}

// --- judging ------------------------------------------------------------------------------------

typedef struct {
    const double *want;
    const char   *at;
    Element       element;
    bool         *seen;
    double        most, error;
} Compare;

static void differ(void *with, int64_t index, int64_t address)
{
    Compare *c = with;
    c->seen[address] = true;
    c->most = fmax(c->most, fabs(c->want[index]));
    double error = fabs(load(c->at, address, c->element) - c->want[index]);
    c->error = error <= c->error ? c->error : error;                    // NaN stays
}

// A result is rounded once: to 11 or 8 bits, or as long sums of floats are.
static double tolerance(Element e)
{
    return e == ELEMENT_BF16 ? 4.1e-3 : e == ELEMENT_TF32 ? 5e-4 : 3e-6;
}

static void compare(Run *r, const Node *n, const double *want, const char *at, const char *body)
{
    int64_t elements = layout_elements(&n->layout, n->shape);
    Compare c = { .want = want, .at = at, .element = n->layout.element,
                  .seen = ARENA_ARRAY(r->of->arena, bool, elements) };
    each_element(n, differ, &c);
    if (!(c.error <= tolerance(c.element) * c.most))
        fail_msg("%s, %s by %s: %s is off by %g, numbers go up to %g", r->of->target->name,
                 r->group->root->name, body, n->name, c.error, c.most);
    if (n->view || (n->layout.pixel_stride && n->layout.pixel_stride != layout_pixel(&n->layout, n->shape)))
        return;                                      // what stands between is somebody else's
    for (int64_t i = 0; i < elements; i++)
        if (!c.seen[i] && load(at, i, c.element) != 0)
            fail_msg("%s, %s by %s: padding of %s is not zero", r->of->target->name, r->group->root->name,
                     body, n->name);
}

// Values as the kernel sees them: stored, and operands of TF32 rounded in the loop.
static void round_inputs(Run *r, bool in_loop)
{
    const Group *g = r->group;
    for (int i = 0; i < g->input_count; i++) {
        const Node *n = g->inputs[i];
        bool is_operand = n == g->root->in[0] || n == g->root->in[1];
        bool to_tf32 = in_loop && is_operand && r->of->target->matrix == ELEMENT_TF32;
        double *value = r->of->evaluator->value[n->id];
        for (int64_t k = 0; k < shape_count(n->shape); k++)
            value[k] = rounded(value[k], to_tf32 ? ELEMENT_TF32 : n->layout.element);
    }
}

static void compare_update(Run *r, const Node *sgd, const char *body)
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
    compare(r, param, v, velocity(r, param), body);
    compare(r, param, next, tensor(r, param), body);
}

const char *cuda_case_check(CudaCase *c, Group *group)
{
    Run r = { .of = c, .group = group };
    const char *body;
    r.value = ARENA_ARRAY(c->arena, Room, c->graph->count);
    r.velocity = ARENA_ARRAY(c->arena, Room, c->graph->count);
    round_inputs(&r, false);
    fill_tensors(&r);
    const char *row = run(&r, &body);
    round_inputs(&r, true);
    for (int i = 0; i < group->count; i++)
        evaluator_compute(c->evaluator, group->nodes[i]);
    for (int i = 0; i < group->count; i++)
        if (op_has(group->nodes[i]->op, OP_UPDATE))
            compare_update(&r, group->nodes[i], body);
    for (int i = 0; i < group->output_count; i++)
        compare(&r, group->outputs[i], c->evaluator->value[group->outputs[i]->id],
                tensor(&r, group->outputs[i]), body);
    return row;
}
