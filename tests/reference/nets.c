// Builds logical graphs for tests: what the front end makes of the same nets.
#include "reference/nets.h"
#include <stdlib.h>

static void start(Net *n, GraphMode mode, Shape image)
{
    diag_open(&n->diag, &n->arena);
    Graph *g = n->g = graph_new(&n->arena, &n->diag, "test", mode, (int)image.n);
    graph_device(g, "gpu0");
    n->at = graph_add(g, OP_INPUT, "data", NO_SPAN, NULL, 0, NULL);
    n->at->shape = image;
    g->inputs = ARENA_NEW(&n->arena, Port);
    g->inputs[0] = (Port){ "data", n->at->shape, n->at, NO_SPAN };
    g->input_count = 1;
    if (mode == GRAPH_PREDICT)
        return;
    g->label = graph_add(g, OP_LABEL, "label", NO_SPAN, NULL, 0, NULL);
    g->label->shape = (Shape){ image.n, 1, 1, 1 };
}

void net_open(Net *n, SplitForm form, GraphMode mode, int batch, int64_t c, int64_t h, int64_t w)
{
    *n = (Net){ .form = form, .parts = 1 };
    arena_open(&n->arena, 0, &n->exhausted);
    if (setjmp(n->exhausted))
        abort();                                      // no memory: the test cannot go on
    start(n, mode, (Shape){ batch, c, h, w });
}

void net_close(Net *n)
{
    arena_close(&n->arena);
}

Window net_window(int kernel, int stride, int pad, bool round_up)
{
    return (Window){ kernel, kernel, stride, stride, 1, 1, pad, pad, pad, pad, round_up };
}

static Node *add(Net *n, Op op, const char *name, const Layer *layer, int inputs, Node *const *in)
{
    Node *made = graph_add(n->g, op, name, NO_SPAN, layer, inputs, in);
    made->split = n->split;
    return made;
}

static const Layer *new_layer(Net *n, const char *kind)
{
    const char *name = arena_printf(&n->arena, "%s_%d", kind, ++n->layers);
    return graph_add_layer(n->g, kind, name, NO_SPAN, NULL);
}

// One more stage with one input; the caller sets its attributes, then infers it.
static Node *stage(Net *n, Op op)
{
    const Layer *layer = new_layer(n, op_table[op]->name);
    return n->at = add(n, op, layer->name, layer, 1, &n->at);
}

void net_split(Net *n, int parts)
{
    n->parts = parts;
    n->is_local = false;
    if (n->form == FORM_GROUPED)
        return;
    Split *s = ARENA_NEW(&n->arena, Split);
    *s = (Split){ .at = NO_SPAN, .text = "split" };
    split_count(s, SPLIT_CHANNELS, NULL, parts);
    for (int i = 0; i < parts && n->form == FORM_SPLIT; i++)
        s->device[i] = graph_device(n->g, arena_printf(&n->arena, "gpu%d", i));
    n->split = s;
}

void net_join(Net *n)
{
    n->split = NULL;
    n->parts = 1;
    n->is_local = false;
    if (n->form != FORM_GROUPED)
        graph_infer(n->g, stage(n, OP_JOIN));
}

void net_all(Net *n)
{
    n->is_local = false;
    if (n->form != FORM_GROUPED)
        graph_infer(n->g, stage(n, OP_ALL));
}

static Node *param(Net *n, const Layer *layer, const char *what, bool is_bias, Shape shape)
{
    Param *p = graph_add_param(n->g, layer, what, is_bias, shape);
    Node *made = add(n, OP_PARAM, p->name, layer, 0, NULL);
    made->attr.param = (ParamAttr){ p, 0 };
    made->shape = shape;
    return made;
}

// A contraction with weights of `shape`, and a bias for each map, or for each place of it.
static void contract(Net *n, Op op, const char *name, Shape shape, ConvAttr attr)
{
    const Layer *layer = graph_add_layer(n->g, op_table[op]->name, name, NO_SPAN, NULL);
    Node *in[2] = { n->at, param(n, layer, "weights", false, shape) };
    Node *product = add(n, op, name, layer, 2, in);
    product->attr.conv = attr;
    graph_infer(n->g, product);
    Shape place = { 1, shape.n, product->shape.h, product->shape.w }, map = { 1, shape.n, 1, 1 };
    Node *biased[2] = { product, param(n, layer, "biases", true, op == OP_LOCAL ? place : map) };
    Op bias = op == OP_LOCAL ? OP_PLACE_BIAS : OP_BIAS;
    n->at = add(n, bias, arena_printf(&n->arena, "%s.bias", name), layer, 2, biased);
    graph_infer(n->g, n->at);
    n->is_local = n->parts > 1;
}

void net_conv(Net *n, const char *name, int64_t filters, Window w, int groups)
{
    int all = n->is_local ? groups * n->parts : groups;
    contract(n, OP_CONV, name, (Shape){ filters, n->at->shape.c / all, w.kernel_h, w.kernel_w },
             (ConvAttr){ all, w });
}

void net_local(Net *n, const char *name, int64_t filters, Window w)
{
    int all = n->is_local ? n->parts : 1;
    int64_t places = window_outputs_h(&w, n->at->shape.h) * window_outputs_w(&w, n->at->shape.w);
    contract(n, OP_LOCAL, name, (Shape){ filters, places * n->at->shape.c / all, w.kernel_h, w.kernel_w },
             (ConvAttr){ all, w });
}

void net_fc(Net *n, const char *name, int64_t outputs)
{
    if (n->at->shape.h * n->at->shape.w > 1)
        graph_infer(n->g, stage(n, OP_FLATTEN));
    int groups = n->is_local ? n->parts : 1;
    contract(n, OP_FC, name, (Shape){ outputs, n->at->shape.c / groups, 1, 1 },
             (ConvAttr){ .groups = groups });
}

void net_relu(Net *n)
{
    graph_infer(n->g, stage(n, OP_RELU));
}

void net_tanh(Net *n)
{
    graph_infer(n->g, stage(n, OP_TANH));
}

void net_lrn(Net *n, int size)
{
    Node *s = stage(n, OP_LRN);
    s->attr.lrn = (LrnAttr){ size, 2, 0.1, 0.75, n->is_local ? n->parts : 1 };
    graph_infer(n->g, s);
}

void net_max_pool(Net *n, Window w)
{
    Node *s = stage(n, OP_MAX_POOL);
    s->attr.pool.window = w;
    graph_infer(n->g, s);
}

void net_dropout(Net *n, double rate, bool scale_in_test)
{
    int64_t channels = n->at->shape.c;
    Node *s = stage(n, OP_DROPOUT);
    s->attr.dropout = (DropoutAttr){ .rate = rate, .scale_in_test = scale_in_test,
                                     .key = 77u + (uint32_t)n->layers, .channels = channels };
    graph_infer(n->g, s);
}

void net_loss(Net *n)
{
    Graph *g = n->g;
    g->scores = n->at;
    g->outputs = ARENA_NEW(&n->arena, Port);
    g->outputs[0] = (Port){ "output", n->at->shape, n->at, NO_SPAN };
    g->output_count = 1;
    if (!g->label)
        return;
    Node *in[2] = { n->at, g->label };
    g->loss = add(n, OP_CROSS_ENTROPY, "loss", NULL, 2, in);
    graph_infer(g, g->loss);
    g->metrics = ARENA_ARRAY(&n->arena, Node *, 1);
    g->metrics[0] = add(n, OP_TOP, "top1", NULL, 2, in);
    g->metrics[0]->attr.top.k = 1;
    graph_infer(g, g->metrics[0]);
    g->metric_count = 1;
}

void net_alexnet(Net *n, SplitForm form, GraphMode mode, int batch)
{
    Window pool = net_window(3, 2, 0, false);
    net_open(n, form, mode, batch, 3, 224, 224);
    net_split(n, 2);
    net_conv(n, "conv1", 96, net_window(11, 4, 0, true), 1);
    net_relu(n);
    net_lrn(n, 5);
    net_max_pool(n, pool);
    net_conv(n, "conv2", 256, net_window(5, 1, 2, false), 1);
    net_relu(n);
    net_lrn(n, 5);
    net_max_pool(n, pool);
    net_all(n);
    net_conv(n, "conv3", 384, net_window(3, 1, 1, false), 1);
    net_relu(n);
    net_conv(n, "conv4", 384, net_window(3, 1, 1, false), 1);
    net_relu(n);
    net_conv(n, "conv5", 256, net_window(3, 1, 1, false), 1);
    net_relu(n);
    net_max_pool(n, pool);
    for (int i = 6; i <= 7; i++) {
        net_all(n);
        net_fc(n, arena_printf(&n->arena, "fc%d", i), 4096);
        net_relu(n);
        net_dropout(n, 0.5, true);
    }
    net_join(n);
    net_fc(n, "fc8", 1000);
    net_loss(n);
}

int64_t net_params_on(const Graph *g, int device)
{
    int64_t sum = 0;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_PARAM && g->nodes[i]->device == device)
            sum += shape_count(g->nodes[i]->shape);
    return sum;
}
