// Small nets for tests: what the front end does, without a text.
#include "reference/small_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

void small_net(GraphMode mode, int batch, void (*body)(SmallNet *s, const void *with),
               const void *with)
{
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    diag_open(&s.diag, &s.arena);
    s.g = graph_new(&s.arena, &s.diag, "small", mode, batch);
    graph_device(s.g, "gpu0");
    body(&s, with);
    arena_close(&s.arena);
}

static Node *inferred(SmallNet *s, Node *n)
{
    return graph_infer(s->g, n) ? n : NULL;
}

static void add_port(SmallNet *s, Node *n)
{
    Graph *g = s->g;
    g->inputs = arena_grow(g->arena, g->inputs, (size_t)g->input_count, (size_t)g->input_count + 1,
                           sizeof *g->inputs);
    g->inputs[g->input_count++] = (Port){ n->name, n->shape, n, NO_SPAN };
}

Node *small_input(SmallNet *s, int64_t c, int64_t h, int64_t w)
{
    Node *n = graph_add(s->g, OP_INPUT, "in", NO_SPAN, NULL, 0, NULL);
    n->shape = (Shape){ s->g->batch, c, h, w };
    n->attr.port.index = s->g->input_count;
    add_port(s, n);
    return inferred(s, n);
}

static Node *add_param(SmallNet *s, const Layer *layer, const char *what, bool is_bias, Shape shape)
{
    Param *p = graph_add_param(s->g, layer, what, is_bias, shape);
    Node *n = graph_add(s->g, OP_PARAM, p->name, NO_SPAN, layer, 0, NULL);
    n->attr.param.param = p;
    return inferred(s, n);
}

static Layer *add_layer(SmallNet *s, const char *kind)
{
    const char *name = arena_printf(&s->arena, "%s%d", kind, s->g->layer_count + 1);
    return graph_add_layer(s->g, kind, name, NO_SPAN, NULL);
}

Node *small_values(SmallNet *s, const char *name, Shape shape)
{
    Layer *layer = graph_add_layer(s->g, "values", name, NO_SPAN, NULL);
    return add_param(s, layer, "values", false, shape);
}

Node *small_conv(SmallNet *s, Node *x, int64_t filters, int groups, Window w)
{
    if (!x)
        return NULL;
    Layer *layer = add_layer(s, "conv");
    Shape shape = { filters, x->shape.c / groups, w.kernel_h, w.kernel_w };
    Node *weights = add_param(s, layer, "weights", false, shape);
    if (!weights)
        return NULL;
    Node *n = graph_add(s->g, OP_CONV, layer->name, NO_SPAN, layer, 2, (Node *[]){ x, weights });
    n->attr.conv = (ConvAttr){ groups, w };
    return inferred(s, n);
}

Node *small_fc(SmallNet *s, Node *x, int64_t outputs)
{
    if (x && (x->shape.h > 1 || x->shape.w > 1))
        x = small_op1(s, OP_FLATTEN, NULL, x);
    if (!x)
        return NULL;
    Layer *layer = add_layer(s, "fc");
    Node *weights = add_param(s, layer, "weights", false, (Shape){ outputs, x->shape.c, 1, 1 });
    Node *n = graph_add(s->g, OP_FC, layer->name, NO_SPAN, layer, 2, (Node *[]){ x, weights });
    n->attr.conv.groups = 1;
    return inferred(s, n);
}

Node *small_bias(SmallNet *s, Node *x)
{
    if (!x)
        return NULL;
    Layer *layer = x->layer ? s->g->layers[x->layer->index] : add_layer(s, "bias");
    Node *b = add_param(s, layer, "biases", true, (Shape){ 1, x->shape.c, 1, 1 });
    const char *name = arena_printf(&s->arena, "%s.bias", layer->name);
    return inferred(s, graph_add(s->g, OP_BIAS, name, NO_SPAN, layer, 2, (Node *[]){ x, b }));
}

Node *small_op(SmallNet *s, Op op, const Node *with, int inputs, Node *const *in)
{
    for (int i = 0; i < inputs; i++)
        if (!in[i])
            return NULL;
    Layer *layer = add_layer(s, op_table[op]->name);
    Node *n = graph_add(s->g, op, layer->name, NO_SPAN, layer, inputs, in);
    if (with)
        n->attr = with->attr;
    return inferred(s, n);
}

Node *small_op1(SmallNet *s, Op op, const Node *with, Node *x)
{
    return small_op(s, op, with, 1, &x);
}

void small_loss(SmallNet *s, Node *scores)
{
    Graph *g = s->g;
    g->scores = scores;
    g->label = inferred(s, graph_add(g, OP_LABEL, "label", NO_SPAN, NULL, 0, NULL));
    Node *in[] = { scores, g->label };
    g->loss = inferred(s, graph_add(g, OP_CROSS_ENTROPY, "loss", NO_SPAN, NULL, 2, in));
    Node *top = graph_add(g, OP_TOP, "top1", NO_SPAN, NULL, 2, in);
    top->attr.top.k = 1;
    g->metrics = ARENA_ARRAY(g->arena, Node *, 1);
    g->metrics[g->metric_count++] = inferred(s, top);
    g->outputs = ARENA_ARRAY(g->arena, Port, 1);
    g->outputs[g->output_count++] = (Port){ "scores", scores->shape, scores, NO_SPAN };
}

Window small_window(int kernel, int stride, int pad)
{
    return (Window){ kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad, false };
}
