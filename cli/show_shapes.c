// cleave show shapes FILE.net [LAYER|LINE]: what every layer gives.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"

// What a layer gives: its last node that is no parameter; NULL: nothing but parameters.
static const Node *result(const Graph *g, const Layer *layer)
{
    for (int i = g->count - 1; i >= 0; i--)
        if (g->nodes[i]->layer == layer && !op_has(g->nodes[i]->op, OP_SOURCE))
            return g->nodes[i];
    return NULL;
}

static const Split *split_of(const Graph *g, const Layer *layer)
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->layer == layer && g->nodes[i]->split)
            return g->nodes[i]->split;
    return NULL;
}

static void print_text(const Compilation *c, const ShowOptions *o, const Graph *g, FILE *out)
{
    char text[SHAPE_TEXT];
    fprintf(out, "net %s\n  line  %-20s %-14s %-16s split\n", g->name, "layer", "kind", "shape");
    for (int i = 0; i < g->input_count; i++)
        if (!o->about)
            fprintf(out, "  %4s  %-20s %-14s %s\n", "", g->inputs[i].name, "input",
                    shape_text(text, g->inputs[i].shape));
    for (int i = 0; i < g->layer_count; i++) {
        const Layer *layer = g->layers[i];
        const Node *n = result(g, layer);
        if (!n || !report_wants(c, o, layer))
            continue;
        const Split *s = split_of(g, layer);
        fprintf(out, "  %4d  %-20s %-14s %-*s%s%s\n", report_line(c, layer), layer->name, layer->kind,
                s ? 16 : 0, shape_text(text, n->shape), s ? " " : "", s ? s->text : "");
    }
}

static void print_json(const Compilation *c, const ShowOptions *o, const Graph *g, FILE *out)
{
    const char *between = "\n";
    fputs("{\n  \"net\": ", out);
    text_print_json(out, g->name);
    fputs(",\n  \"layers\": [", out);
    for (int i = 0; i < g->layer_count; i++) {
        const Layer *layer = g->layers[i];
        const Node *n = result(g, layer);
        if (!n || !report_wants(c, o, layer))
            continue;
        const Split *s = split_of(g, layer);
        fprintf(out, "%s    {\"name\": ", between);
        text_print_json(out, layer->name);
        fputs(", \"kind\": ", out);
        text_print_json(out, layer->kind);
        fprintf(out, ", \"line\": %d, \"shape\": [%lld, %lld, %lld], \"parts\": %d}",
                report_line(c, layer), (long long)n->shape.c, (long long)n->shape.h,
                (long long)n->shape.w, s ? s->parts : 1);
        between = ",\n";
    }
    fputs("\n  ]\n}\n", out);
}

static int print_shapes(Compilation *c, const ShowOptions *o, FILE *out)
{
    (o->json ? print_json : print_text)(c, o, c->graphs[GRAPH_PREDICT], out);
    return EXIT_OK;
}

int show_shapes(const ShowOptions *o, FILE *out)
{
    return report_compiled(o, 1u << GRAPH_PREDICT, "shapes", print_shapes, out);
}
