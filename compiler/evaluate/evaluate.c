// Memory of an evaluation, what comes in from outside, and the walk over the nodes.
#include "evaluate/evaluate.h"
#include "evaluate/formulas.h"
#include "kernels/random.h"
#include <math.h>
#include <string.h>

static double *array(Arena *a, Shape s)
{
    return ARENA_ARRAY(a, double, shape_count(s));
}

// Numbers of a row: a filter's, or of a bias those of a channel.
static int64_t row_of(const Param *p) { return shape_item(p->shape) / (p->is_bias ? p->shape.c : 1); }

// Where the rows of a PARAM node start in its parameter's values.
static double *rows_of(double *const *whole, const Node *n)
{
    const Param *p = n->attr.param.param;
    int64_t row = row_of(p);
    return whole[p->index] + n->attr.param.first_row * row;
}

static void open_params(Evaluator *e)
{
    const Graph *g = e->graph;
    e->param = ARENA_ARRAY(e->arena, double *, g->param_count + 1);
    e->velocity = ARENA_ARRAY(e->arena, double *, g->param_count + 1);
    e->rates = ARENA_ARRAY(e->arena, EvaluatorRates, g->param_count + 1);
    for (int i = 0; i < g->param_count; i++)
        e->param[i] = array(e->arena, g->params[i]->shape);
}

static Shape whole_input(const Graph *g, const Node *n)
{
    return (Shape){ g->batch, n->shape.c, n->shape.h, n->shape.w };
}

// INPUT nodes of one port (place repeats them, and cuts the batch) see the same values.
static void open_inputs(Evaluator *e)
{
    const Graph *g = e->graph;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_INPUT && g->nodes[i]->attr.port.index >= e->input_count)
            e->input_count = g->nodes[i]->attr.port.index + 1;
    e->input = ARENA_ARRAY(e->arena, double *, e->input_count + 1);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (n->op == OP_INPUT && !e->input[n->attr.port.index])
            e->input[n->attr.port.index] = array(e->arena, whole_input(g, n));
    }
    e->label = ARENA_ARRAY(e->arena, double, g->batch);
}

Evaluator *evaluator_open(Arena *arena, const Graph *g)
{
    Evaluator *e = ARENA_NEW(arena, Evaluator);
    *e = (Evaluator){ .arena = arena, .graph = g, .seed = 1 };
    open_params(e);
    open_inputs(e);
    e->value = ARENA_ARRAY(arena, double *, g->count + 1);
    int most_inputs = 0;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        most_inputs = n->inputs > most_inputs ? n->inputs : most_inputs;
        if (n->op == OP_PARAM)
            e->value[i] = rows_of(e->param, n);
        else if (n->op == OP_INPUT)
            e->value[i] = e->input[n->attr.port.index] + n->attr.port.first * shape_item(n->shape);
        else if (n->op == OP_LABEL)
            e->value[i] = e->label + n->attr.port.first;
        else if (!op_has(n->op, OP_UPDATE))
            e->value[i] = array(arena, n->shape);
    }
    e->behind = ARENA_ARRAY(arena, bool, g->count + 1);
    e->operands = ARENA_ARRAY(arena, const double *, most_inputs + 1);
    return e;
}

// Box and Muller, from two numbers of the stream; 1 - u is never 0.
static void fill_gaussian(double *to, int64_t count, double deviation, RandomKey key)
{
    for (int64_t i = 0; i < count; i++) {
        double u = random_uniform((unsigned)(2 * i), key);
        double v = random_uniform((unsigned)(2 * i + 1), key);
        to[i] = deviation * sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v);
    }
}

void evaluator_fill(Evaluator *e, uint64_t seed)
{
    const Graph *g = e->graph;
    unsigned stream = 0;
    for (int i = 0; i < g->param_count; i++, stream++) {
        const Param *p = g->params[i];
        double deviation = p->is_bias ? 0.1 : sqrt(2 / (double)shape_item(p->shape));
        fill_gaussian(e->param[i], shape_count(p->shape), deviation, random_key(seed, 0, stream));
        if (e->velocity[i])
            memset(e->velocity[i], 0, (size_t)shape_count(p->shape) * sizeof(double));
    }
    bool *filled = ARENA_ARRAY(e->arena, bool, e->input_count + 1);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        int port = n->op == OP_INPUT ? n->attr.port.index : 0;
        if (n->op == OP_INPUT && !filled[port]) {
            filled[port] = true;
            fill_gaussian(e->input[port], shape_count(whole_input(g, n)), 1,
                          random_key(seed, 1, (unsigned)port));
        }
    }
    int64_t classes = g->scores ? g->scores->shape.c : 1;
    for (int i = 0; i < g->batch; i++)
        e->label[i] = floor(random_uniform((unsigned)i, random_key(seed, 2, 0)) * (double)classes);
}

void evaluator_follow(SolverRule rule, const EvaluatorRates *r, double g, double *w, double *v)
{
    double pull = g + r->decay * *w;                       // the gradient of the loss and the decay
    switch (rule) {
    case SOLVER_TORCH:
        *v = r->momentum * *v + pull;
        *w -= r->lr * *v;
        break;
    case SOLVER_NESTEROV:
        *v = r->momentum * *v - r->lr * pull;
        *w += r->momentum * *v - r->lr * pull;
        break;
    case SOLVER_TORCH_NESTEROV:
        *v = r->momentum * *v + pull;
        *w -= r->lr * (pull + r->momentum * *v);
        break;
    case SOLVER_PAPER: case SOLVER_RULES:
        *v = r->momentum * *v - r->decay * r->lr * *w - r->lr * g;
        *w += *v;
    }
}

static void update(Evaluator *e, const Node *n)
{
    const Node *param = n->in[0];
    int index = n->attr.update.param;
    EvaluatorRates r = e->rates[index];
    if (!e->velocity[index])
        e->velocity[index] = array(e->arena, e->graph->params[index]->shape);
    double *w = rows_of(e->param, param), *v = rows_of(e->velocity, param);
    const double *g = e->value[n->in[1]->id];
    for (int64_t i = 0; i < shape_count(param->shape); i++)
        evaluator_follow(n->attr.update.rule, &r, g[i], &w[i], &v[i]);
}

void evaluator_compute(Evaluator *e, const Node *n)
{
    if (!formulas[n->op])
        return;
    for (int k = 0; k < n->inputs; k++)
        e->operands[k] = e->value[n->in[k]->id];
    formulas[n->op](e, n, e->operands, e->value[n->id]);
}

static const uint64_t no_decisions = 0xcbf29ce484222325u;

void evaluator_run(Evaluator *e)
{
    e->decisions = no_decisions;
    for (int i = 0; i < e->graph->count; i++) {
        const Node *n = e->graph->nodes[i];
        if (op_has(n->op, OP_UPDATE) && !e->frozen)
            update(e, n);
        evaluator_compute(e, n);
    }
}

void evaluator_run_behind(Evaluator *e, const Param *param)
{
    const Graph *g = e->graph;
    memset(e->behind, 0, (size_t)g->count * sizeof *e->behind);
    e->decisions = no_decisions;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (n->role != ROLE_FORWARD)
            continue;
        e->behind[i] = n->op == OP_PARAM && n->attr.param.param->index == param->index;
        for (int k = 0; k < n->inputs && !e->behind[i]; k++)
            e->behind[i] = e->behind[n->in[k]->id];
        if (e->behind[i])
            evaluator_compute(e, n);
    }
}

double evaluator_loss(const Evaluator *e)
{
    const Node *loss = e->graph->loss;
    double sum = 0;
    for (int64_t i = 0; i < loss->shape.n; i++)
        sum += e->value[loss->id][i];
    return sum / (double)loss->shape.n;
}

const Node *evaluator_node(const Evaluator *e, const char *name)
{
    for (int i = 0; i < e->graph->count; i++)
        if (!strcmp(e->graph->nodes[i]->name, name))
            return e->graph->nodes[i];
    return NULL;
}

double *evaluator_param(const Evaluator *e, const char *name)
{
    for (int i = 0; i < e->graph->param_count; i++)
        if (!strcmp(e->graph->params[i]->name, name))
            return e->param[i];
    return NULL;
}

void evaluator_gradient(const Evaluator *e, const Param *param, double *to)
{
    const Graph *g = e->graph;
    int64_t row = row_of(param);
    memset(to, 0, (size_t)shape_count(param->shape) * sizeof *to);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (op_has(n->op, OP_UPDATE) && n->attr.update.param == param->index)
            memcpy(to + n->in[0]->attr.param.first_row * row, e->value[n->in[1]->id],
                   (size_t)shape_count(n->in[1]->shape) * sizeof *to);
    }
}
