// Which layers and nodes a name or a line of the command line means.
#include "look/about.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

About about_read(const char *text)
{
    if (!text)
        return (About){ .kind = ABOUT_ALL };
    char *end;
    long line = strtol(text, &end, 10);
    if (*text && !*end && line >= 0 && line < 1 << 30)
        return (About){ .kind = ABOUT_LINE, .name = text, .line = (int)line };
    return (About){ .kind = ABOUT_LAYER, .name = text };
}

// The file that was compiled was read first; the files that it uses follow.
static const Source *compiled_file(const Diag *diag)
{
    return diag->source_count ? &diag->sources[0] : NULL;
}

static bool is_in_compiled_file(const Diag *diag, int offset)
{
    const Source *s = compiled_file(diag);
    return s && offset >= s->start && offset <= s->start + s->length;
}

int about_line_of(const Diag *diag, Span at)
{
    return is_in_compiled_file(diag, at.start) ? diag_place(diag, at).line : 0;
}

bool about_reaches(const Diag *diag, Span at, int line)
{
    int first = about_line_of(diag, at);
    if (first == 0 || line < first)
        return false;
    int last = at.end > at.start ? at.end - 1 : at.start;
    return line <= about_line_of(diag, (Span){ last, last });
}

int about_lines(const Diag *diag)
{
    const Source *s = compiled_file(diag);
    int lines = 0;
    for (int i = 0; s && i < s->length; i++)
        lines += s->text[i] == '\n' || i + 1 == s->length;
    return lines;
}

static bool is_named(const About *a, const char *name)
{
    size_t length = strlen(a->name);
    return !strncmp(name, a->name, length) && (name[length] == 0 || name[length] == '.');
}

bool about_layer(const About *a, const Diag *diag, const Layer *layer)
{
    if (a->kind == ABOUT_ALL)
        return true;
    if (!layer)
        return false;
    if (a->kind == ABOUT_LAYER)
        return is_named(a, layer->name);
    for (const Call *c = layer->call; c; c = c->outer)       // a loop's body is not all of one line
        if (about_line_of(diag, c->at) == a->line)
            return true;
    return about_reaches(diag, layer->at, a->line);
}

bool about_node(const About *a, const Diag *diag, const Node *n)
{
    return about_layer(a, diag, n->layer) || (a->kind == ABOUT_LINE && about_line_of(diag, n->at) == a->line);
}

bool about_group(const About *a, const Diag *diag, const Group *group)
{
    for (int i = 0; i < group->count; i++)
        if (about_node(a, diag, group->nodes[i]))
            return true;
    return false;
}

bool about_exists(const About *a, const Diag *diag, const Graph *g, const char **nearest)
{
    *nearest = NULL;
    if (a->kind == ABOUT_LINE)
        return a->line >= 1 && a->line <= about_lines(diag);
    if (a->kind == ABOUT_ALL)
        return true;
    const char **names = ARENA_ARRAY(g->arena, const char *, g->layer_count + 1);
    for (int i = 0; i < g->layer_count; i++) {
        if (is_named(a, g->layers[i]->name))
            return true;
        names[i] = g->layers[i]->name;
    }
    *nearest = text_nearest(a->name, names, g->layer_count);
    return false;
}
