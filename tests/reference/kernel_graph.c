// In: a scheduled graph and what its nodes should be. Out: a failed test, or nothing.
#include "reference/kernel_graph.h"
#include "base/clock.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#define LR       0.125f
#define MOMENTUM 0.75f
#define DECAY    0.0625f
enum { MOST_PARAMS = 16 };

typedef struct { StepState state; ParamRates rates[MOST_PARAMS]; } State;

static bool is_wanted(Pattern p)
{
    return p != PATTERN_CONTRACTION && p != PATTERN_WEIGHTS && p != PATTERN_FC_WEIGHTS
        && p != PATTERN_FC_UPDATE && p != PATTERN_COPY;
}

KernelGraph *kernel_graph_add(KernelUnitCase *u, Graph *g, Evaluator *e)
{
    KernelGraph *k = ARENA_NEW(u->arena, KernelGraph);
    k->graph = g;
    k->evaluator = e;
    k->kernels = ARENA_ARRAY(u->arena, KernelCase *, g->group_count);
    k->stored = ARENA_ARRAY(u->arena, float *, g->count);
    k->velocity = ARENA_ARRAY(u->arena, float *, g->count);
    k->places = ARENA_ARRAY(u->arena, uint8_t *, g->count);
    u->emit.graph = g;
    for (int i = 0; i < g->group_count; i++) {
        Group *group = g->groups[i];
        if (!is_wanted(group->pattern) || (group->root->op == OP_FLIP))
            continue;
        KernelCase *c = case_new(u);
        c->kern.group = group;
        c->kern.title = arena_printf(u->arena, "%s of %s", group->root->name, g->name);
        const Body *body = kernel_emit(&u->emit, &c->kern);
        if (!body)
            fail_msg("%s: %s", c->kern.title, u->err);
        if ((c->kern.item_kind == ITEMS_IMAGES) != group->per_image)
            fail_msg("%s is not scheduled as its items say", c->kern.title);
        c->body = body->name;
        k->kernels[i] = c;
    }
    return k;
}

// --- tensors ------------------------------------------------------------------------------------

static void *room(KernelUnitCase *u, int64_t bytes)
{
    char *p = arena_alloc(u->arena, (size_t)bytes + 128);
    return p + (64 - (uintptr_t)p % 64) % 64;
}

static float *first_element(KernelUnitCase *u, KernelGraph *k, const Node *n)
{
    int64_t offset = 0;
    for (; n->view; n = n->view)
        offset += n->view_offset;
    if (!k->stored[n->id])
        k->stored[n->id] = room(u, 4 * layout_elements(&n->layout, n->shape));
    return k->stored[n->id] + offset;
}

static void scatter(KernelUnitCase *u, const Node *n, const double *from, float *to)
{
    int64_t count = shape_count(n->shape);
    float *dense = ARENA_ARRAY(u->arena, float, count);
    for (int64_t i = 0; i < count; i++)
        dense[i] = (float)from[i];
    layout_scatter(&n->layout, n->shape, dense, to);
}

// Numbers from -0.5 to 0.5: what a kernel is timed with.
static const double *some_values(KernelUnitCase *u, const Node *n)
{
    double *v = ARENA_ARRAY(u->arena, double, shape_count(n->shape));
    unsigned seed = (unsigned)n->id;
    for (int64_t i = 0; i < shape_count(n->shape); i++) {
        seed = seed * 1664525u + 1013904223u;
        v[i] = (double)(seed >> 8) / (1 << 24) - 0.5;
    }
    return v;
}

static void give(KernelUnitCase *u, KernelGraph *k, const Node *n)
{
    float *to = first_element(u, k, n);
    const double *value = k->evaluator ? k->evaluator->value[n->id] : some_values(u, n);
    if (n->op != OP_LABEL) {
        scatter(u, n, value, to);
        return;
    }
    for (int64_t i = 0; i < n->shape.n; i++)
        ((int32_t *)to)[i] = (int32_t)value[i];
}

static void *argument(KernelUnitCase *u, KernelGraph *k, const Kern *kern, int i, State *state)
{
    const Node *n = kern->args[i];
    if (kern->is_state[i])
        return state;
    if (kern->is_places[i]) {
        if (!k->places[n->id])
            k->places[n->id] = room(u, layout_elements(&n->layout, n->shape));
        return k->places[n->id];
    }
    if (!kern->is_velocity[i])
        return first_element(u, k, n);
    if (!k->velocity[n->id]) {
        double *v = ARENA_ARRAY(u->arena, double, shape_count(n->shape));
        for (int64_t j = 0; j < shape_count(n->shape); j++)
            v[j] = (double)(j % 7) * 0.25 - 0.5;
        k->velocity[n->id] = room(u, 4 * layout_elements(&n->layout, n->shape));
        scatter(u, n, v, k->velocity[n->id]);
    }
    return k->velocity[n->id];
}

// --- judging ------------------------------------------------------------------------------------

static void compare(KernelUnitCase *u, const KernelCase *c, const Node *n, const float *stored,
                    const double *want)
{
    int64_t count = shape_count(n->shape);
    double most = 0, rounding = n->layout.element == ELEMENT_TF32 ? 1.01 * 0x1p-11 : 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs(want[i]));
    float *dense = ARENA_ARRAY(u->arena, float, count);
    layout_gather(&n->layout, n->shape, stored, dense);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)dense[i] - want[i]) <= rounding * fabs(want[i]) + 1e-5 * most + 1e-12))
            fail_msg("%s, %s by %s (%s): element %lld of '%s' is %g, not %g", u->target->name,
                     c->kern.title, c->body, c->kern.symbol, (long long)i, n->name, (double)dense[i],
                     want[i]);
    if (n->view || n->layout.item_stride)
        return;
    int64_t elements = layout_elements(&n->layout, n->shape);
    float *only = ARENA_ARRAY(u->arena, float, elements + 16);
    layout_scatter(&n->layout, n->shape, dense, only);
    for (int64_t i = 0; i < elements; i++)
        if (only[i] != stored[i])
            fail_msg("%s, %s by %s (%s): padding of '%s' was written", u->target->name, c->kern.title,
                     c->body, c->kern.symbol, n->name);
}

// w and v after one step from what `argument` and the evaluator give.
static void compare_update(KernelUnitCase *u, KernelGraph *k, const KernelCase *c)
{
    const Node *sgd = c->kern.group->root, *param = sgd->in[0];
    int64_t count = shape_count(param->shape);
    const double *w = k->evaluator->value[param->id], *g = k->evaluator->value[sgd->in[1]->id];
    double *next = ARENA_ARRAY(u->arena, double, count), *v = ARENA_ARRAY(u->arena, double, count);
    const EvaluatorRates rates = { LR, MOMENTUM, DECAY };
    for (int64_t i = 0; i < count; i++) {
        v[i] = (double)(i % 7) * 0.25 - 0.5;
        next[i] = w[i];
        evaluator_follow(sgd->attr.update.rule, &rates, g[i], &next[i], &v[i]);
    }
    compare(u, c, param, first_element(u, k, param), next);
    compare(u, c, param, k->velocity[param->id], v);
    k->velocity[param->id] = NULL;
}

static void prepare(KernelUnitCase *u, KernelGraph *k, const KernelCase *c, State *state, void **t)
{
    const Group *g = c->kern.group;
    if (k->evaluator)
        state->state = (StepState){ .seed = k->evaluator->seed, .step = k->evaluator->step,
                                      .first = 1, .last = 1 };
    for (int i = 0; i < MOST_PARAMS; i++)
        state->rates[i] = (ParamRates){ LR, MOMENTUM, DECAY, 0 };
    for (int i = 0; i < g->input_count; i++)
        give(u, k, g->inputs[i]);
    for (int i = 0; i < c->kern.arg_count; i++)
        t[i] = argument(u, k, &c->kern, i, state);
}

static void run_group(KernelUnitCase *u, KernelGraph *k, const KernelCase *c)
{
    State state = { .state = { .seed = 0 } };
    void *t[KERNEL_TENSORS];
    prepare(u, k, c, &state, t);
    void *scratch = room(u, c->kern.scratch);
    memset(scratch, 0xff, (size_t)c->kern.scratch);
    for (long i = 0; i < c->kern.items; i++)
        c->function(t, i, scratch);
    if (state.state.stop)
        fail_msg("%s stops", c->kern.title);
}

double kernel_graph_seconds(KernelUnitCase *u, KernelGraph *k, int i, int rounds)
{
    const KernelCase *c = k->kernels[i];
    State state = { .state = { .seed = 0 } };
    void *t[KERNEL_TENSORS], *scratch = room(u, c->kern.scratch);
    prepare(u, k, c, &state, t);
    double sum = 0;
    for (long item = 0; item < c->kern.items; item++) {
        double best = 1e9;
        for (int round = 0; round < rounds; round++) {
            double start = clock_seconds();
            c->function(t, item, scratch);
            best = fmin(best, clock_seconds() - start);
        }
        sum += best;
    }
    return sum / (double)c->kern.items;
}

void kernel_graph_check(KernelUnitCase *u, KernelGraph *k)
{
    for (int i = 0; i < k->graph->group_count; i++) {
        const KernelCase *c = k->kernels[i];
        if (!c)
            continue;
        const Group *g = c->kern.group;
        run_group(u, k, c);
        if (g->pattern == PATTERN_UPDATE)
            compare_update(u, k, c);
        for (int o = 0; o < g->output_count; o++)
            compare(u, c, g->outputs[o], first_element(u, k, g->outputs[o]),
                    k->evaluator->value[g->outputs[o]->id]);
    }
}
