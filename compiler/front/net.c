// A net item becomes a graph: its parameters, inputs, body, outputs, and the loss behind them.
#include "front/derive.h"
#include <string.h>

// --- parameters ---------------------------------------------------------------------------------

static const Ast *overridden(const Ast *overrides, const char *name)
{
    for (int i = 0; overrides && i < overrides->count; i++)
        if (overrides->children[i]->kind == AST_BIND && !strcmp(overrides->children[i]->text, name))
            return overrides->children[i]->children[0];
    return NULL;
}

static void bind_net_params(Elab *e, const Ast *net)
{
    const Ast *overrides = items_overrides(e);
    for (int i = 0; i < net->param_count; i++) {
        const Ast *p = net->params[i];
        if (p->kind != AST_PARAM)
            continue;
        const Ast *value = overridden(overrides, p->text);
        if (!value)
            value = derive_param(e, p->text);
        if (!value)
            value = p->count ? p->children[0] : NULL;
        Value v = UNKNOWN;
        if (value)
            v = eval(e, value);
        else
            elab_error(e, p->at, "E404", "parameter `%s` of net `%s` has no default and no value", p->text,
                       net->text);
        elab_bind(e, p->text, BOUND_PARAM, v, p->at);
    }
}

static bool is_param(const Ast *net, const char *name)
{
    for (int i = 0; i < net->param_count; i++)
        if (net->params[i]->kind == AST_PARAM && !strcmp(net->params[i]->text, name))
            return true;
    return false;
}

void net_check_overrides(Elab *e, const Ast *item)
{
    const Ast *net = derive_written(e, item);
    static const char *const plain[] = { "batch", "accumulate", "epochs", "seed", "precision" };
    enum { PLAIN = sizeof plain / sizeof *plain };
    const Ast *overrides = items_overrides(e);
    for (int i = 0; net && overrides && i < overrides->count; i++) {
        const Ast *s = overrides->children[i];
        if (s->kind != AST_BIND || strchr(s->text, '.') || is_param(net, s->text) ||
            word_in("batch accumulate epochs seed precision", s->text))
            continue;
        const char **known = ARENA_ARRAY(e->arena, const char *, net->param_count + PLAIN);
        int count = 0;
        for (int k = 0; k < PLAIN; k++)
            known[count++] = plain[k];
        for (int k = 0; k < net->param_count; k++)
            if (net->params[k]->kind == AST_PARAM)
                known[count++] = net->params[k]->text;
        elab_error(e, s->name_at, "E506", "neither net `%s` nor its training has a setting `%s`", item->text,
                   s->text);
        elab_known(e, "they have", known, count);
    }
}

// `--set conv1.init=gaussian(0.03)`: as though it stood at the end of the net.
static void set_layers(Elab *e)
{
    const Ast *overrides = items_overrides(e);
    for (int i = 0; overrides && i < overrides->count; i++) {
        const Ast *s = overrides->children[i];
        const char *dot = s->kind == AST_BIND ? strrchr(s->text, '.') : NULL;
        if (dot && word_in("init bias", dot + 1))
            layers_set_late(e, s->text, eval(e, s->children[0]), s->name_at, s->children[0]->at);
    }
}

// --- inputs -------------------------------------------------------------------------------------

// Names of ports that the compiler makes: label, loss, top5.
static void refuse_own_name(Elab *e, const Ast *part, const char *what)
{
    const char *name = part->text;
    if (!name || (strcmp(name, "label") != 0 && strcmp(name, "loss") != 0
                  && (strncmp(name, "top", 3) != 0 || !name[3] || name[3 + strspn(name + 3, "0123456789")])))
        return;
    elab_error(e, part->at, "E118", "an %s cannot be called `%s`: every program has a `%s` of its own",
               what, name, name);
    diag_help(e->diag, "call it `%s_%s`", name, what);
}

static Value add_input(Elab *e, const Ast *part, int index)
{
    Graph *g = e->graph;
    Shape s;
    refuse_own_name(e, part, "input");
    Value wanted = eval(e, part->children[0]);
    const char *automatic = index ? arena_printf(e->arena, "image%d", index + 1) : "image";
    const char *name = part->text ? part->text : automatic;
    if (!shape_from_value(e, wanted, part->at, &s))
        return UNKNOWN;
    s.n = g->batch;
    Node *n = graph_add(g, OP_INPUT, name, part->at, NULL, 0, NULL);
    n->shape = s;
    n->attr.port.index = index;
    if (!graph_infer(g, n))
        return UNKNOWN;
    g->inputs[index] = (Port){ name, s, n, part->at };
    if (part->text)
        elab_bind(e, part->text, BOUND_INPUT, value_tensor(n), part->at);
    return value_tensor(n);
}

static Value add_inputs(Elab *e, const Ast *net)
{
    Graph *g = e->graph;
    Value first = UNKNOWN;
    g->inputs = ARENA_ARRAY(e->arena, Port, net->input_count);
    for (int i = 0; i < net->input_count; i++) {
        Value v = add_input(e, net->inputs[i], i);
        if (i == 0)
            first = v;
    }
    g->input_count = net->input_count;
    return first;
}

// --- outputs ------------------------------------------------------------------------------------

static void check_signature(Elab *e, const Ast *net, const Ast *part, Node *n, Shape promised)
{
    Shape s = n->shape;
    if (s.c == promised.c && s.h == promised.h && s.w == promised.w)
        return;
    char given[SHAPE_TEXT], wanted[SHAPE_TEXT];
    elab_error(e, part->at, "E314", "net `%s` promises %s here, but %s gives %s", net->text,
               shape_text(wanted, promised), n->layer ? n->layer->name : n->name, shape_text(given, s));
    diag_note(e->diag, n->at, "it comes from here");
}

static void add_output(Elab *e, const Ast *net, int index, Value v)
{
    const Ast *part = net->outputs[index];
    refuse_own_name(e, part, "output");
    Port *port = &e->graph->outputs[index];
    Shape promised;
    Value wanted = eval(e, part->children[0]);
    if (!shape_from_value(e, wanted, part->at, &promised) || !value_is_tensor(v) || !v.node ||
        !shape_is_legal(v.node->shape))
        return;
    promised.n = e->graph->batch;
    check_signature(e, net, part, v.node, promised);
    *port = (Port){ part->text, v.node->shape, v.node, part->at };
}

// Outputs that the signature names are bound by `=` in the body; one without a name is its value.
static void add_outputs(Elab *e, const Ast *net, Value last)
{
    e->graph->outputs = ARENA_ARRAY(e->arena, Port, net->output_count);
    for (int i = 0; i < net->output_count; i++) {
        const Ast *part = net->outputs[i];
        Value v = last;
        if (part->text) {
            Binding *b = scope_find_here(e->scope, part->text);
            if (!b) {
                elab_error(e, part->at, "E109", "output `%s` is promised here, but never given a value",
                           part->text);
                continue;
            }
            if (b->declared)
                b->declared->used = true;
            v = b->value;
        }
        add_output(e, net, i, v);
    }
    e->graph->output_count = net->output_count;
}

// The same joins over what comes before the softmax.
static Node *joined_scores(Graph *g, Node *join)
{
    if (join->op == OP_SOFTMAX)
        return join->in[0];
    Node *in = joined_scores(g, join->in[0]);
    Node *n = graph_add1(g, OP_JOIN, join->name, join, in);
    n->shared = join->shared;
    graph_infer(g, n);
    return n;
}

// What comes before a final softmax: the loss takes that, in its stable form.
static void find_scores(Graph *g)
{
    Node *out = g->output_count ? g->outputs[0].node : NULL;
    g->scores = out;
    const Node *softmax = out;
    while (softmax && softmax->op == OP_JOIN)
        softmax = softmax->in[0];
    if (!softmax || softmax->op != OP_SOFTMAX)
        return;
    g->scores = out == softmax ? out->in[0] : joined_scores(g, out);
    if (g->mode == GRAPH_TRAIN) {
        g->outputs[0].node = g->scores;
        g->outputs[0].shape = g->scores->shape;
    }
}

// Where nobody asked for a batch: one that every `replicate` of the net divides.
static void grow_batch(Elab *e)
{
    Graph *g = e->graph;
    int unit = e->batch_unit, batch = (g->batch + unit - 1) / unit * unit;
    if (!e->options->batch_grows || batch == g->batch)
        return;
    g->batch = batch;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_INPUT)
            g->nodes[i]->shape.n = batch;
        else if (g->nodes[i]->op != OP_PARAM && shape_is_legal(g->nodes[i]->shape))
            graph_infer(g, g->nodes[i]);
    for (int i = 0; i < g->input_count; i++)
        g->inputs[i].shape.n = batch;
}

Value net_body(Elab *e, const Ast *net, GraphMode mode)
{
    int batch = e->options->batch > 0 ? e->options->batch : 1;
    Graph *g = e->graph = graph_new(e->arena, e->diag, net->text, mode, batch);
    const Ast *written = derive_written(e, net);
    if (!written || !derive_open(e, net, mode))
        return UNKNOWN;
    if (net != written) {
        g->derived = net->at;
        g->derived_name = net->name_at;
    }
    names_open(&e->layers, e->arena);
    names_open(&e->numbered, e->arena);
    names_open(&e->params, e->arena);
    Namer namer = namer_open(e->arena, "");
    e->namer = &namer;
    e->scope = scope_open(e->arena, e->globals);
    bind_net_params(e, written);
    Value in = add_inputs(e, written);
    derive_begin(e);
    Value last = body_value(e, written->children[0], in, BODY_NET);
    e->defaults = NULL;
    e->namer = NULL;
    return last;
}

Graph *net_graph(Elab *e, const Ast *net, GraphMode mode)
{
    const Ast *written = derive_written(e, net);
    Value last = net_body(e, net, mode);
    if (!e->graph->inputs)                       // the base of a derived net is at fault: reported
        return e->graph;
    grow_batch(e);
    add_outputs(e, written, last);
    derive_end(e);
    set_layers(e);
    layers_apply_late(e);
    find_scores(e->graph);
    e->scope = e->globals;
    return e->graph;
}

// --- the loss -----------------------------------------------------------------------------------

static bool scores_fit(Elab *e, const Ast *net, const Ast *train)
{
    const Node *scores = e->graph->scores;
    if (!scores || !shape_is_legal(scores->shape))
        return false;
    if (scores->shape.h == 1 && scores->shape.w == 1)
        return true;
    char text[SHAPE_TEXT];
    elab_error(e, train->at, "E501", "cross_entropy takes one score a class; net `%s` gives %s", net->text,
               shape_text(text, scores->shape));
    return false;
}

// The statement of the train section that a node comes from; without it the section.
static Span setting_at(const Ast *train, const char *name)
{
    const Ast *body = train->count ? train->children[0] : NULL;
    for (int i = 0; body && i < body->count; i++) {
        const Ast *s = body->children[i];
        if (s && s->kind == AST_BIND && !strcmp(s->text, name))
            return s->at;
    }
    return train->at;
}

bool net_add_loss(Elab *e, const Ast *net, const Ast *train)
{
    Graph *g = e->graph;
    Metric *metrics;
    int count;
    if (!scores_fit(e, net, train) || !train_metrics(e, train, &metrics, &count))
        return false;
    Span at = setting_at(train, "loss"), report_at = setting_at(train, "report");
    Node *label = g->label = graph_add(g, OP_LABEL, "label", at, NULL, 0, NULL);
    label->shape = (Shape){ g->batch, 1, 1, 1 };
    Node *in[] = { g->scores, label };
    g->loss = graph_add(g, OP_CROSS_ENTROPY, "loss", at, NULL, 2, in);
    g->metrics = ARENA_ARRAY(e->arena, Node *, count + 1);
    for (int i = 0; i < count; i++) {
        if (metrics[i].kind != METRIC_TOP)
            continue;
        Node *top = graph_add(g, OP_TOP, metrics[i].name, report_at, NULL, 2, in);
        top->attr.top.k = metrics[i].k;
        g->metrics[g->metric_count++] = top;
    }
    bool fits = graph_infer(g, label) && graph_infer(g, g->loss);
    for (int i = 0; i < g->metric_count; i++)
        fits &= graph_infer(g, g->metrics[i]);
    return fits;
}
