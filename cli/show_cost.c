// cleave show cost FILE.net [LAYER|LINE]: parameters and multiply-adds of one image, by layer and by
// device. Multiply-adds are those of contractions, forward; training's are all three products.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"

typedef struct { int64_t parameters, macs; } Cost;

typedef struct {
    const Graph *g;
    Cost  total, device[GRAPH_DEVICES];
    Cost *layer;               // by index
    int64_t train_macs;        // 0: the net is not trained
} Costs;

static int64_t macs_of_image(const Graph *g, const Node *n)
{
    return op_table[n->op]->cost ? op_table[n->op]->cost(n).macs / g->batch : 0;
}

static void add(Cost *to, Cost c)
{
    to->parameters += c.parameters;
    to->macs += c.macs;
}

static Costs count_costs(Compilation *c)
{
    const Graph *g = c->graphs[GRAPH_PREDICT], *train = c->graphs[GRAPH_TRAIN];
    Costs costs = { .g = g, .layer = ARENA_ARRAY(&c->arena, Cost, g->layer_count + 1) };
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        Cost own = { n->op == OP_PARAM ? shape_count(n->shape) : 0, macs_of_image(g, n) };
        add(&costs.total, own);
        add(&costs.device[n->device], own);
        if (n->layer)
            add(&costs.layer[n->layer->index], own);
    }
    for (int i = 0; train->loss && i < train->count; i++)
        costs.train_macs += macs_of_image(train, train->nodes[i]);
    return costs;
}

static bool has_cost(const Costs *s, const Layer *layer)
{
    return s->layer[layer->index].parameters || s->layer[layer->index].macs;
}

static void print_row(const char *name, const char *kind, Cost c, FILE *out)
{
    char parameters[COUNT_TEXT], macs[COUNT_TEXT];
    fprintf(out, "  %-20s %-8s %15s %18s\n", name, kind, report_count(parameters, c.parameters),
            report_count(macs, c.macs));
}

static void print_text(const Compilation *c, const ShowOptions *o, const Costs *s, FILE *out)
{
    char macs[COUNT_TEXT];
    fprintf(out, "net %s, one image\n  %-20s %-8s %15s %18s\n", s->g->name, "layer", "kind",
            "parameters", "multiply-adds");
    for (int i = 0; i < s->g->layer_count; i++) {
        const Layer *layer = s->g->layers[i];
        if (has_cost(s, layer) && report_wants(c, o, layer))
            print_row(layer->name, layer->kind, s->layer[layer->index], out);
    }
    if (o->about)
        return;
    print_row("all", "", s->total, out);
    for (int i = 0; i < s->g->device_count && s->g->device_count > 1; i++)
        print_row(s->g->devices[i], "device", s->device[i], out);
    if (s->train_macs)
        fprintf(out, "  %-20s %-8s %15s %18s\n", "training", "", "",
                report_count(macs, s->train_macs));
}

static void print_figures(Cost c, FILE *out)
{
    fprintf(out, "\"parameters\": %lld, \"macs\": %lld", (long long)c.parameters, (long long)c.macs);
}

static void print_json(const Compilation *c, const ShowOptions *o, const Costs *s, FILE *out)
{
    const char *between = "\n";
    fputs("{\n  \"net\": ", out);
    text_print_json(out, s->g->name);
    fputs(",\n  ", out);
    print_figures(s->total, out);
    fprintf(out, ",\n  \"train_macs\": %lld,\n  \"devices\": [", (long long)s->train_macs);
    for (int i = 0; i < s->g->device_count; i++) {
        fprintf(out, "%s    {\"name\": ", i ? ",\n" : "\n");
        text_print_json(out, s->g->devices[i]);
        fputs(", ", out);
        print_figures(s->device[i], out);
        fputc('}', out);
    }
    fputs("\n  ],\n  \"layers\": [", out);
    for (int i = 0; i < s->g->layer_count; i++) {
        const Layer *layer = s->g->layers[i];
        if (!has_cost(s, layer) || !report_wants(c, o, layer))
            continue;
        fprintf(out, "%s    {\"name\": ", between);
        text_print_json(out, layer->name);
        fputs(", \"kind\": ", out);
        text_print_json(out, layer->kind);
        fprintf(out, ", \"line\": %d, ", report_line(c, layer));
        print_figures(s->layer[layer->index], out);
        fputc('}', out);
        between = ",\n";
    }
    fputs("\n  ]\n}\n", out);
}

static int print_cost(Compilation *c, const ShowOptions *o, FILE *out)
{
    Costs costs = count_costs(c);
    (o->json ? print_json : print_text)(c, o, &costs, out);
    return EXIT_OK;
}

int show_cost(const ShowOptions *o, FILE *out)
{
    return report_compiled(o, 1u << GRAPH_PREDICT | 1u << GRAPH_TRAIN, "simplify", print_cost, out);
}
