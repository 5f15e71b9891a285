// In: a group of a graph and the evaluator's values. Out: what its kernel finds in memory.
#include "reference/case_memory.h"
#include "reference/element.h"
#include <string.h>

// --- elements -----------------------------------------------------------------------------------

void case_each_element(const Node *n, CaseVisit *visit, void *with)
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

int64_t case_bytes_of(const Node *n)
{
    return layout_elements(&n->layout, n->shape) * element_bytes(n->layout.element);
}

static void make_room(CaseRun *r, CaseRoom *room, int64_t bytes, int fill)
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

char *case_tensor(CaseRun *r, const Node *n)
{
    int64_t offset;
    const Node *home = home_of(n, &offset);
    make_room(r, &r->value[home->id], case_bytes_of(home), 0xff);
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
    case_each_element(n, put, &(Scatter){ at, from, n->layout.element, n->op == OP_LABEL });
}

// What velocities are before the step.
const double *case_velocity_before(CaseRun *r, const Node *param)
{
    double *v = ARENA_ARRAY(r->of->arena, double, shape_count(param->shape));
    for (int64_t i = 0; i < shape_count(param->shape); i++)
        v[i] = (double)(i % 7) * 0.25 - 0.5;
    return v;
}

char *case_velocity(CaseRun *r, const Node *param)
{
    bool is_new = !r->velocity[param->id].at;
    make_room(r, &r->velocity[param->id], case_bytes_of(param), 0);
    if (is_new)
        scatter(param, case_velocity_before(r, param), r->velocity[param->id].at);
    return r->velocity[param->id].at;
}

static char *state(CaseRun *r)
{
    make_room(r, &r->state, sizeof(CaseState), 0);
    CaseState *s = (CaseState *)(void *)r->state.at;
    s->state = (StepState){ .seed = r->of->evaluator->seed, .step = r->of->evaluator->step,
                            .stop = r->of->stopped, .first = 1, .last = 1 };
    for (int i = 0; i < CASE_PARAMS; i++)
        s->rates[i] = (ParamRates){ CASE_LR, CASE_MOMENTUM, CASE_DECAY, 0 };
    return r->state.at;
}

typedef struct { char *at; int size; } Clear;

static void clear(void *with, int64_t address, int64_t count)
{
    const Clear *c = with;
    memset(c->at + address * c->size, 0, (size_t)(count * c->size));
}

static void fill_tensor(CaseRun *r, const Node *n)
{
    char *at = case_tensor(r, n);
    each_run(n, clear, &(Clear){ at, element_bytes(n->layout.element) });
    scatter(n, r->of->evaluator->value[n->id], at);
}

void case_fill_tensors(CaseRun *r)
{
    const Group *g = r->group;
    for (int i = 0; i < g->output_count; i++)
        case_tensor(r, g->outputs[i]);
    for (int i = 0; i < g->input_count; i++)
        fill_tensor(r, g->inputs[i]);
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE) && g->nodes[i]->in[0]->rounded)
            fill_tensor(r, g->nodes[i]->in[0]->rounded);
}

static char *places(CaseRun *r, const Node *pool)
{
    Layout l = layout_compact(pool->layout);
    CaseRoom *room = &r->of->places[pool->id];
    make_room(r, room, layout_elements(&l, pool->shape), 0xff);
    return room->at;
}

char *case_argument(CaseRun *r, const Kern *k, int i)
{
    if (k->is_state[i])
        return state(r);
    if (k->is_partial[i]) {
        make_room(r, &r->partial, 4 * k->partial, 0xff);
        return r->partial.at;
    }
    if (k->is_places[i])
        return places(r, k->args[i]);
    return k->is_velocity[i] ? case_velocity(r, k->args[i]) : case_tensor(r, k->args[i]);
}

// --- whose element it is --------------------------------------------------------------------------

typedef struct { uint8_t *of; CaseMark mark; } Marks;

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

static void mark_result(CaseRun *r, const Node *n)
{
    int64_t offset;
    const Node *home = home_of(n, &offset);
    uint8_t *mark = r->mark[home->id] + offset;
    each_run(n, mark_run, &(Marks){ mark, PADDING_OF_A_RESULT });
    case_each_element(n, mark_element, &(Marks){ mark, RESULT });
}

void case_remember(CaseRun *r)
{
    const Group *g = r->group;
    for (int i = 0; i < r->of->graph->count; i++) {
        const CaseRoom *room = &r->value[i];
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
