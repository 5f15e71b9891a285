// cleave show cost FILE.net [LAYER|LINE]: parameters and multiply-adds of one image, by layer and by
// device. Multiply-adds are those of contractions, forward; training's are all three products.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/cost.h"

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
    fprintf(out, "net %s, one image\n  %-20s %-8s %15s %18s\n", s->graph->name, "layer", "kind",
            "parameters", "multiply-adds");
    for (int i = 0; i < s->graph->layer_count; i++) {
        const Layer *layer = s->graph->layers[i];
        if (has_cost(s, layer) && report_wants(c, o, layer))
            print_row(layer->name, layer->kind, s->layer[layer->index], out);
    }
    if (o->about)
        return;
    print_row("all", "", s->total, out);
    for (int i = 0; i < s->graph->device_count && s->graph->device_count > 1; i++)
        print_row(s->graph->devices[i], "device", s->device[i], out);
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
    text_print_json(out, s->graph->name);
    fputs(",\n  ", out);
    print_figures(s->total, out);
    fprintf(out, ",\n  \"train_macs\": %lld,\n  \"devices\": [", (long long)s->train_macs);
    for (int i = 0; i < s->graph->device_count; i++) {
        fprintf(out, "%s    {\"name\": ", i ? ",\n" : "\n");
        text_print_json(out, s->graph->devices[i]);
        fputs(", ", out);
        print_figures(s->device[i], out);
        fputc('}', out);
    }
    fputs("\n  ],\n  \"layers\": [", out);
    for (int i = 0; i < s->graph->layer_count; i++) {
        const Layer *layer = s->graph->layers[i];
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
    Costs costs = look_cost(c);
    (o->json ? print_json : print_text)(c, o, &costs, out);
    return EXIT_OK;
}

int show_cost(const ShowOptions *o, FILE *out)
{
    return report_compiled(o, 1u << GRAPH_PREDICT | 1u << GRAPH_TRAIN, "simplify", print_cost, out);
}
