// Infers every shape again, in order, and holds the net to what its text promised: `is 96x27x27`
// and the signature. The front end has inferred shapes, too, and explains a broken promise better
// (front/promise.c); this pass makes sure of it for every graph, however it was made.
#include "pass/pass.h"

static bool same_item(Shape a, Shape b)
{
    return a.c == b.c && a.h == b.h && a.w == b.w;
}

static void check_promise(Graph *g, const Promise *p)
{
    char given[SHAPE_TEXT], promised[SHAPE_TEXT];
    if (!shape_is_legal(p->node->shape) || same_item(p->node->shape, p->shape))
        return;
    diag_error(g->diag, p->at, "E301", "%s gives %s here, %s was promised",
               p->node->layer ? p->node->layer->name : p->node->name,
               shape_text(given, p->node->shape), shape_text(promised, p->shape));
    graph_note_calls(g, p->node);
}

static void check_output(Graph *g, const Port *p)
{
    char given[SHAPE_TEXT], promised[SHAPE_TEXT];
    if (!shape_is_legal(p->node->shape) || same_item(p->node->shape, p->shape))
        return;
    diag_error(g->diag, p->at, "E314", "%s gives %s, the signature of %s promises %s",
               p->node->layer ? p->node->layer->name : p->node->name,
               shape_text(given, p->node->shape), g->name, shape_text(promised, p->shape));
}

static bool inputs_are_known(const Node *n)
{
    for (int i = 0; i < n->inputs; i++)
        if (!shape_is_legal(n->in[i]->shape))
            return false;
    return true;
}

bool pass_shapes(Graph *g, const PassOptions *o)
{
    (void)o;
    int before = g->diag->errors;
    for (int i = 0; i < g->count; i++)
        if (inputs_are_known(g->nodes[i]))
            graph_infer(g, g->nodes[i]);
    for (int i = 0; i < g->promise_count; i++)
        check_promise(g, &g->promises[i]);
    for (int i = 0; i < g->output_count; i++)
        check_output(g, &g->outputs[i]);
    return g->diag->errors == before;
}
