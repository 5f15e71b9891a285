// cleave show graph [--after PASS] [--mode MODE] FILE.net [LAYER|LINE]: the nodes that a pass leaves.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/about.h"
#include <string.h>

static const char *const modes[] = { "train", "test", "predict" };

static int find_mode(const char *name)
{
    for (int i = 0; name && i < 3; i++)
        if (!strcmp(name, modes[i]))
            return i;
    if (name)
        fprintf(stderr, "cleave: --mode wants train, test or predict, not `%s`\n", name);
    return name ? -1 : GRAPH_TRAIN;
}

static bool is_pass(const char *name)
{
    const char *names[32];
    for (int i = 0; i < pass_count; i++) {
        names[i] = pass_pipeline[i].name;
        if (!strcmp(name, names[i]))
            return true;
    }
    const char *nearest = text_nearest(name, names, pass_count);
    fprintf(stderr, "cleave: no pass is called `%s`", name);
    fprintf(stderr, nearest ? "; did you mean `%s`?\n" : "\n", nearest);
    return false;
}

// The same graph with the nodes of the layers that were asked for.
static Graph chosen(Compilation *c, const ShowOptions *o, const Graph *g)
{
    About about = about_read(o->about);
    Graph some = *g;
    some.nodes = ARENA_ARRAY(&c->arena, Node *, g->count);
    some.count = 0;
    for (int i = 0; i < g->count; i++)
        if (about_node(&about, &c->diag, g->nodes[i]))
            some.nodes[some.count++] = g->nodes[i];
    return some;
}

static int print_graph(Compilation *c, const ShowOptions *o, FILE *out)
{
    Graph some = chosen(c, o, c->graphs[find_mode(o->mode)]);
    if (o->json)
        graph_print_json(&some, out);
    else
        graph_print(&some, out);
    return EXIT_OK;
}

int show_graph(const ShowOptions *o, FILE *out)
{
    const char *after = o->after ? o->after : pass_pipeline[pass_count - 1].name;
    int mode = find_mode(o->mode);
    if (mode < 0 || !is_pass(after))
        return EXIT_USAGE;
    return report_compiled(o, 1u << mode, after, print_graph, out);
}
