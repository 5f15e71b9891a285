// Building graphs: nodes, layers, parameters, devices.
#include "ir/graph.h"
#include <string.h>

Graph *graph_new(Arena *arena, Diag *diag, const char *name, GraphMode mode, int batch)
{
    Graph *g = ARENA_NEW(arena, Graph);
    *g = (Graph){ .arena = arena, .diag = diag, .name = name, .mode = mode, .batch = batch, .accumulate = 1 };
    names_open(&g->names, arena);
    return g;
}

// `name`, or when that is taken `name` with the first free number from 2 on. The map holds for
// each name the next number to try.
static const char *unique_name(Graph *g, const char *name)
{
    int *next = names_find(&g->names, name);
    const char *found = name;
    while (next && names_find(&g->names, found))
        found = arena_printf(g->arena, "%s%d", name, (*next)++);
    next = ARENA_NEW(g->arena, int);
    *next = 2;
    found = arena_copy(g->arena, found, strlen(found));
    names_put(&g->names, found, next);
    return found;
}

Node *graph_add(Graph *g, Op op, const char *name, Span at, const Layer *layer, int inputs,
                Node *const *in)
{
    Node *n = ARENA_NEW(g->arena, Node);
    *n = (Node){ .op = op, .id = g->count, .name = unique_name(g, name), .at = at, .layer = layer,
                 .inputs = inputs, .device = NO_DEVICE, .parts = 1, .chunks = 1, .shared = 1 };
    n->in = ARENA_ARRAY(g->arena, Node *, inputs + 1);
    for (int i = 0; i < inputs; i++)
        n->in[i] = in[i];
    ARENA_PUSH(g->arena, g->nodes, g->count, g->capacity, n);
    return n;
}

static Node *add_like(Graph *g, Op op, const char *name, const Node *like, int inputs,
                      Node *const *in)
{
    Node *n = graph_add(g, op, name, like->at, like->layer, inputs, in);
    n->role = like->role;
    n->split = like->split;
    n->device = like->device;
    n->part = like->part;
    n->parts = like->parts;
    return n;
}

Node *graph_add1(Graph *g, Op op, const char *name, Node *like, Node *a)
{
    return add_like(g, op, name, like, 1, &a);
}

Node *graph_add2(Graph *g, Op op, const char *name, Node *like, Node *a, Node *b)
{
    return add_like(g, op, name, like, 2, (Node *[]){ a, b });
}

static bool inputs_have_shapes(const Node *n)
{
    for (int i = 0; i < n->inputs; i++)
        if (!shape_is_legal(n->in[i]->shape))
            return false;
    return true;
}

static bool too_large(Graph *g, const Node *n)
{
    return diag_error(g->diag, n->at, "E306", "%s: %lld x %lld x %lld x %lld numbers are more than "
                      "a tensor can hold", n->layer ? n->layer->name : n->name, (long long)n->shape.n,
                      (long long)n->shape.c, (long long)n->shape.h, (long long)n->shape.w);
}

bool graph_infer(Graph *g, Node *n)
{
    const OpInfo *op = op_table[n->op];
    int errors = g->diag->errors;
    if (n->inputs < op->least_inputs || (op->most_inputs >= 0 && n->inputs > op->most_inputs))
        return diag_error(g->diag, n->at, "E900", "internal error: %s: %d inputs for '%s'", n->name,
                          n->inputs, op->name);
    if (!inputs_have_shapes(n))
        return false;                                // reported where it began
    bool inferred = op->infer(g, n);
    if (inferred && shape_is_legal(n->shape))
        return true;
    if (inferred && g->diag->errors == errors)
        too_large(g, n);
    n->shape = (Shape){ 0, 0, 0, 0 };                // what is not legal must not be used
    graph_note_calls(g, n);
    return false;
}

Layer *graph_add_layer(Graph *g, const char *kind, const char *name, Span at, const Call *call)
{
    Layer *l = ARENA_NEW(g->arena, Layer);
    *l = (Layer){ .name = name, .kind = kind, .at = at, .call = call, .index = g->layer_count };
    ARENA_PUSH(g->arena, g->layers, g->layer_count, g->layer_capacity, l);
    return l;
}

// Fans: weights KCRS (OxI: R = S = 1) sum C*R*S products into each output, and each input goes into
// K*R*S of them. Shapes of parameters are legal, so the products fit.
Param *graph_add_param(Graph *g, const Layer *layer, const char *what, bool is_bias, Shape shape)
{
    Param *p = ARENA_NEW(g->arena, Param);
    *p = (Param){ .name = arena_printf(g->arena, "%s.%s", layer->name, what), .layer = layer,
                  .is_bias = is_bias, .shape = shape, .index = g->param_count };
    p->fan_in = is_bias ? 1 : shape_item(shape);
    p->fan_out = is_bias ? 1 : shape_item((Shape){ 1, shape.n, shape.h, shape.w });
    ARENA_PUSH(g->arena, g->params, g->param_count, g->param_capacity, p);
    return p;
}

int graph_device(Graph *g, const char *name)
{
    for (int i = 0; i < g->device_count; i++)
        if (!strcmp(g->devices[i], name))
            return i;
    if (g->device_count == GRAPH_DEVICES)
        return -1;
    g->devices[g->device_count] = name;
    return g->device_count++;
}

const char *node_kind(const Node *n)
{
    const OpInfo *op = op_table[n->op];
    return op->function && op->function(n) ? op->function(n)->name : op->name;
}

const char *node_text(const Node *n)
{
    const OpInfo *op = op_table[n->op];
    return op->function && op->function(n) ? op->function(n)->text : op->text;
}

void node_print(const Node *n, FILE *out)
{
    const OpInfo *op = op_table[n->op];
    if (op->function && op->function(n) && *op->function(n)->settings)
        fprintf(out, " %s", op->function(n)->settings);
    if (!op->print)
        return;
    fputc(' ', out);
    op->print(n, out);
}

void graph_note_derived(const Graph *g, Span at)
{
    bool derived = g->derived.end > g->derived.start;
    bool inside = at.start >= g->derived.start && at.end <= g->derived.end;
    if (derived && !inside)
        diag_note(g->diag, g->derived_name, "in net `%s`, which is derived here", g->name);
}

void graph_note_calls(Graph *g, const Node *n)
{
    for (const Call *c = n->layer ? n->layer->call : NULL; c; c = c->outer)
        diag_note(g->diag, c->at,
                  strchr(c->what, '=') ? "here, with %s" : "in %s, called from here", c->what);
    graph_note_derived(g, n->at);
}
