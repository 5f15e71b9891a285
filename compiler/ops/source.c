// Values that come from outside. Who adds the node says which: shape and attr.
#include "ops/ops.h"

static OpCost no_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

// All images of the batch, or those of a part.
static bool input_infer(Graph *g, Node *n)
{
    int64_t first = n->attr.port.first, end;
    if (first < 0 || !size_add(first, n->shape.n, &end) || end > g->batch)
        return diag_error(g->diag, n->at, "E900", "internal error: input %s has %lld images from %lld on, "
                          "of %d", n->name, (long long)n->shape.n, (long long)first, g->batch);
    return true;
}

const OpInfo op_input = {
    .name = "input", .traits = OP_SOURCE | OP_DUPLICATES, .infer = input_infer, .cost = no_cost,
};

static bool label_infer(Graph *g, Node *n)
{
    n->shape = (Shape){ n->shape.n ? n->shape.n : g->batch, 1, 1, 1 };
    return input_infer(g, n);
}

const OpInfo op_label = {
    .name = "label", .traits = OP_SOURCE | OP_DUPLICATES, .infer = label_infer, .cost = no_cost,
};

// Rows of attr.param.param; shape 0: all of them.
static bool param_infer(Graph *g, Node *n)
{
    (void)g;
    if (n->shape.n == 0)
        n->shape = n->attr.param.param->shape;
    return true;
}

static void param_print(const Node *n, FILE *out)
{
    const Param *p = n->attr.param.param;
    int64_t rows = p->is_bias ? n->shape.c : n->shape.n;
    int64_t all = p->is_bias ? p->shape.c : p->shape.n;
    fputs(p->name, out);
    if (rows != all)
        fprintf(out, " rows %lld..%lld", (long long)n->attr.param.first_row,
                (long long)(n->attr.param.first_row + rows - 1));
}

const OpInfo op_param = {
    .name = "param", .traits = OP_SOURCE | OP_WEIGHTS, .infer = param_infer, .cost = no_cost,
    .print = param_print,
};
