// Shapes that many ops have in common, and how an op reports a fault.
#include "ops/ops.h"

bool op_fault(Graph *g, const Node *n, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = arena_vprintf(g->arena, fmt, args);
    va_end(args);
    return diag_error(g->diag, n->at, code, "%s: %s", n->layer ? n->layer->name : n->name, text);
}

bool infer_like_input(Graph *g, Node *n)
{
    (void)g;
    n->shape = n->in[0]->shape;
    return true;
}

bool infer_like_inputs(Graph *g, Node *n)
{
    for (int i = 1; i < n->inputs; i++) {
        Shape a = n->in[0]->shape, b = n->in[i]->shape;
        if (shape_equal(a, b))
            continue;
        char left[SHAPE_TEXT], right[SHAPE_TEXT];
        op_fault(g, n, "E303", "%s and %s differ", shape_text(left, a), shape_text(right, b));
        diag_note(g->diag, n->in[0]->at, "%s comes from here", left);
        diag_note(g->diag, n->in[i]->at, "%s comes from here", right);
        return false;
    }
    return infer_like_input(g, n);
}

// A gradient without the node it belongs to, or of another shape than that node gives.
static bool lost(Graph *g, const Node *n)
{
    return diag_error(g->diag, n->at, "E900", "internal error: %s is the gradient of nothing",
                      n->name);
}

bool infer_like_operand(Graph *g, Node *n)
{
    if (!n->forward || n->forward->inputs < 1)
        return lost(g, n);
    n->shape = n->forward->in[0]->shape;
    return true;
}

bool infer_like_weights(Graph *g, Node *n)
{
    if (!n->forward || n->forward->inputs < 2)
        return lost(g, n);
    n->shape = n->forward->in[1]->shape;
    return true;
}

bool infer_per_image(Graph *g, Node *n)
{
    Shape scores = n->in[0]->shape, label = n->in[1]->shape;
    char text[SHAPE_TEXT];
    if (scores.h != 1 || scores.w != 1)
        return op_fault(g, n, "E308", "it takes one score a class, not %s",
                        shape_text(text, scores));
    if (!shape_equal(label, (Shape){ scores.n, 1, 1, 1 }))
        return op_fault(g, n, "E308", "it takes one label an image, not %s",
                        shape_text(text, label));
    n->shape = label;
    return true;
}

void grad_unchanged(Graph *g, Node *n, Node *dy)
{
    if (gradient_wanted(g, n->in[0]))
        gradient_add(g, n->in[0], dy);
}
