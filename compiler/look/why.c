// A line's kernels: groups and launches stand in one order, so both are walked side by side.
#include "look/why.h"
#include <stdlib.h>
#include <string.h>

const Graph *look_graph(const Compilation *c)
{
    for (int mode = GRAPH_TRAIN; mode <= GRAPH_PREDICT; mode++)
        if (c->graphs[mode])
            return c->graphs[mode];
    return NULL;
}

static void add_command(Compilation *c, const About *about, Why *why, int index)
{
    const GroupCommand *from = &why->graph->commands[index];
    for (int i = 0; i < from->count; i++) {
        const Group *group = why->graph->groups[from->first + i];
        for (int made = 0; made < from->made_count && about_group(about, &c->diag, group); made++) {
            int command = from->made + made;
            const Command *to = &why->sequence->commands[command];
            if (to->kind == COMMAND_COPY) {
                const Copy *copy = &why->sequence->copies[to->first + i];
                why->copies[why->copy_count++] = (CopyUse){ copy, group->root, command };
                continue;
            }
            const Launch *launch = &why->sequence->launches[to->first + i];
            const Kernel *kernel = &c->program->kernels[launch->kernel];
            why->kernels[why->kernel_count++] = (KernelUse){ launch, kernel, group, command, i };
        }
    }
}

// --- what has no kernel ---------------------------------------------------------------------------

static int gap(int a, int b)
{
    return a < b ? b - a : a - b;
}

static int nearest_line(const Compilation *c, const Graph *g, int line)
{
    int best = 0;
    for (int i = 0; i < g->group_count; i++)
        for (int k = 0; k < g->groups[i]->count; k++) {
            const Node *n = g->groups[i]->nodes[k];
            int own = about_line_of(&c->diag, n->layer ? n->layer->at : n->at);
            if (own && (!best || gap(own, line) < gap(best, line)))
                best = own;
        }
    return best;
}

const char *look_idle(const Graph *g, const Layer *layer)
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->layer == layer)
            return "a view: its values stand where others write and read them";
    return g->mode == GRAPH_TRAIN && g->loss ? "left out of a training step: others do its work (of a last "
                                               "softmax the loss)"
                                             : "left out: nothing needs its values";
}

static void explain_without(Compilation *c, const About *about, Why *why)
{
    int line = about->line;
    if (why->layer_count) {
        why->without = look_idle(why->graph, why->layers[0]);
        line = about->kind == ABOUT_LINE ? line : about_line_of(&c->diag, why->layers[0]->at);
    } else {
        why->without = look_line(c, line);
    }
    why->nearest = nearest_line(c, why->graph, line);
}

Why look_why(Compilation *c, const About *about)
{
    const Graph *g = look_graph(c);
    Why why = { .graph = g, .sequence = &c->program->sequences[0] };
    why.layers = ARENA_ARRAY(&c->arena, const Layer *, g->layer_count + 1);
    why.kernels = ARENA_ARRAY(&c->arena, KernelUse, why.sequence->launch_count + 1);
    why.copies = ARENA_ARRAY(&c->arena, CopyUse, why.sequence->copy_count + 1);
    for (int i = 0; i < g->layer_count; i++)
        if (about_layer(about, &c->diag, g->layers[i]))
            why.layers[why.layer_count++] = g->layers[i];
    for (int i = 0; i < g->command_count; i++)
        add_command(c, about, &why, i);
    if (!why.kernel_count && !why.copy_count)
        explain_without(c, about, &why);
    return why;
}
