// Cuts subtrees out of a syntax tree.
#include "look/tree.h"

typedef struct {
    AstFile      *to;
    const About  *about;
    const Graph  *graph;
} Cutting;

static bool is_within(Span inner, Span outer)
{
    return inner.start >= outer.start && inner.end <= outer.end && outer.start >= 0;
}

static bool is_asked_for(const Cutting *cut, const Ast *a)
{
    const Diag *diag = cut->to->diag;
    if (cut->about->kind == ABOUT_LINE) {
        int last = a->at.end > a->at.start ? a->at.end - 1 : a->at.start;
        return about_line_of(diag, a->at) == cut->about->line
            && about_line_of(diag, (Span){ last, last }) == cut->about->line;
    }
    for (int i = 0; i < cut->graph->layer_count; i++)
        if (about_layer(cut->about, diag, cut->graph->layers[i])
            && is_within(a->at, cut->graph->layers[i]->at))
            return true;
    return false;
}

static void cut_out(const Cutting *cut, Ast *a);

static void cut_list(const Cutting *cut, Ast **list, int count)
{
    for (int i = 0; i < count; i++)
        if (list[i])
            cut_out(cut, list[i]);
}

// Trees are at most LIMIT_TREE deep, so this recursion is bounded.
static void cut_out(const Cutting *cut, Ast *a)
{
    AstFile *to = cut->to;
    if (is_asked_for(cut, a)) {
        ARENA_PUSH(to->arena, to->items, to->count, to->capacity, a);
        return;
    }
    cut_list(cut, a->params, a->param_count);
    cut_list(cut, a->inputs, a->input_count);
    cut_list(cut, a->outputs, a->output_count);
    cut_list(cut, a->children, a->count);
}

AstFile look_tree(const AstFile *file, const About *about, const Graph *g)
{
    AstFile some = { .arena = file->arena, .diag = file->diag };
    Cutting cut = { &some, about, g };
    if (about->kind == ABOUT_ALL)
        return *file;
    cut_list(&cut, file->items, file->count);
    return some;
}
