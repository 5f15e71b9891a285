// A graph as text, one line a node, and as JSON with the same facts; the ops of a group.
#include "base/text.h"
#include "ir/group.h"

static const char *const mode_names[] = { "train", "test", "predict" };
static const char *const role_names[] = { "forward", "backward", "update" };

// A value that does not grow with the batch is shown with all four dimensions.
static bool is_weights(const Node *n)
{
    unsigned like_first = OP_POINTWISE | OP_TRANSFER;
    while (!op_has(n->op, OP_WEIGHTS) && n->inputs && (op_has(n->op, like_first) || n->op == OP_RELAYOUT))
        n = n->in[0];
    return op_has(n->op, OP_WEIGHTS);
}

// A part of the batch is shown with its number of images.
static void print_shape(const Graph *g, const Node *n, FILE *out)
{
    char text[SHAPE_TEXT];
    if (is_weights(n))
        fprintf(out, "%lldx", (long long)n->shape.n);
    else if (n->shape.n != g->batch)
        fprintf(out, "%lld of ", (long long)n->shape.n);
    fputs(shape_text(text, n->shape), out);
}

static void print_place(const Graph *g, const Node *n, FILE *out)
{
    if (n->split)
        fprintf(out, "  in %s", n->split->text);
    if (n->device >= 0 && n->device < g->device_count && g->device_count > 1)
        fprintf(out, "  on %s", g->devices[n->device]);
    if (n->parts > 1)
        fprintf(out, "  part %d of %d", n->part, n->parts);
    if (n->chunks > 1)
        fprintf(out, "  chunk %d of %d", n->chunk, n->chunks);
}

static void print_node(const Graph *g, const Node *n, int width, FILE *out)
{
    fprintf(out, "  %-*s = %s", width, n->name, node_kind(n));
    for (int i = 0; i < n->inputs; i++)
        fprintf(out, "%s%s", i ? ", " : "(", n->in[i]->name);
    fputs(n->inputs ? ")" : "", out);
    node_print(n, out);
    fputs(" : ", out);
    print_shape(g, n, out);
    print_place(g, n, out);
    fputc('\n', out);
}

void graph_print(const Graph *g, FILE *out)
{
    enum { WIDEST = 32 };
    int width = 0;
    for (int i = 0; i < g->count; i++) {
        int length = snprintf(NULL, 0, "%s", g->nodes[i]->name);
        if (length > width && length <= WIDEST)
            width = length;
    }
    fprintf(out, "net %s: %s, batch %d\n", g->name, mode_names[g->mode], g->batch);
    for (int i = 0; i < g->count; i++)
        print_node(g, g->nodes[i], width, out);
}

static void print_json_text(const char *key, const char *value, FILE *out)
{
    fprintf(out, ", \"%s\": ", key);
    text_print_json(out, value);
}

static void print_json_node(const Graph *g, const Node *n, FILE *out)
{
    fputs("    {\"name\": ", out);
    text_print_json(out, n->name);
    print_json_text("op", node_kind(n), out);
    fputs(", \"inputs\": [", out);
    for (int i = 0; i < n->inputs; i++) {
        fputs(i ? ", " : "", out);
        text_print_json(out, n->in[i]->name);
    }
    fprintf(out, "], \"shape\": [%lld, %lld, %lld, %lld]", (long long)n->shape.n,
            (long long)n->shape.c, (long long)n->shape.h, (long long)n->shape.w);
    print_json_text("role", role_names[n->role], out);
    if (n->layer)
        print_json_text("layer", n->layer->name, out);
    if (n->device >= 0 && n->device < g->device_count)
        print_json_text("device", g->devices[n->device], out);
    fprintf(out, ", \"part\": %d, \"parts\": %d}", n->part, n->parts);
}

void graph_print_json(const Graph *g, FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, g->name);
    fprintf(out, ",\n  \"mode\": \"%s\",\n  \"batch\": %d,\n  \"nodes\": [\n", mode_names[g->mode],
            g->batch);
    for (int i = 0; i < g->count; i++) {
        print_json_node(g, g->nodes[i], out);
        fputs(i + 1 < g->count ? ",\n" : "\n", out);
    }
    fputs("  ]\n}\n", out);
}

void group_print_ops(const Group *g, FILE *out)
{
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        fprintf(out, "%s%s", i ? " + " : "", node_kind(n));
        node_print(n, out);
    }
}
