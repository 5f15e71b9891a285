// The verifier: what must hold of a graph after each pass, by the facts established so far. It
// costs microseconds and always runs; what it reports is a bug of ours, never the user's.
#include "pass/pass.h"
#include "ir/group.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    Graph      *g;
    const char *after;
} Verify;

static bool bad(Verify *v, const Node *n, const char *what)
{
    return diag_error(v->g->diag, n ? n->at : NO_SPAN, "E900",
                      "internal error: bad graph after '%s': %s%s%s", v->after,
                      n ? n->name : "", n ? ": " : "", what);
}

static bool in_graph(const Graph *g, const Node *n)
{
    return n && n->id >= 0 && n->id < g->count && g->nodes[n->id] == n;
}

// --- always --------------------------------------------------------------------------------------

static bool check_inputs(Verify *v)
{
    for (int i = 0; i < v->g->count; i++) {
        const Node *n = v->g->nodes[i];
        const OpInfo *op = op_table[n->op];
        if (n->id != i)
            return bad(v, n, "its id is not its place");
        if (n->inputs < op->least_inputs || (op->most_inputs >= 0 && n->inputs > op->most_inputs))
            return bad(v, n, "a number of inputs that its op does not take");
        for (int k = 0; k < n->inputs; k++)
            if (!in_graph(v->g, n->in[k]) || n->in[k]->id >= i)
                return bad(v, n, "an input that does not stand before it");
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(Node *const *)a)->name, (*(Node *const *)b)->name);
}

static bool check_names(Verify *v)
{
    int count = v->g->count;
    Node **sorted = ARENA_ARRAY(v->g->arena, Node *, count + 1);
    memcpy(sorted, v->g->nodes, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_name);
    for (int i = 1; i < count; i++)
        if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
            return bad(v, sorted[i], "a name that another node has, too");
    return true;
}

static bool check_ends(Verify *v)
{
    const Graph *g = v->g;
    for (int i = 0; i < g->input_count; i++)
        if (!in_graph(g, g->inputs[i].node))
            return bad(v, NULL, "an input of the net is not in the graph");
    for (int i = 0; i < g->output_count; i++)
        if (!in_graph(g, g->outputs[i].node))
            return bad(v, NULL, "an output of the net is not in the graph");
    for (int i = 0; i < g->metric_count; i++)
        if (!in_graph(g, g->metrics[i]))
            return bad(v, NULL, "a metric is not in the graph");
    if ((g->loss && !in_graph(g, g->loss)) || (g->scores && !in_graph(g, g->scores)))
        return bad(v, NULL, "the loss is not in the graph");
    return true;
}

// --- HAS_SHAPES ----------------------------------------------------------------------------------

static bool check_shapes(Verify *v)
{
    for (int i = 0; i < v->g->count; i++)
        if (!shape_is_legal(v->g->nodes[i]->shape))
            return bad(v, v->g->nodes[i], "no legal shape");
    return true;
}

// --- HAS_DEVICES ---------------------------------------------------------------------------------

static bool check_devices(Verify *v)
{
    for (int i = 0; i < v->g->count; i++) {
        const Node *n = v->g->nodes[i];
        if (n->split || n->op == OP_ALL || n->op == OP_JOIN ||
            (n->op == OP_CONCAT && n->attr.concat.parts))
            return bad(v, n, "a split that was not lowered");
        if (n->device < 0 || n->device >= v->g->device_count)
            return bad(v, n, "no device");
        if (n->part < 0 || n->part >= n->parts)
            return bad(v, n, "no part");
        for (int k = 0; k < n->inputs; k++)
            if ((n->in[k]->device == n->device) == op_has(n->op, OP_TRANSFER))
                return bad(v, n, op_has(n->op, OP_TRANSFER) ? "a copy within a device"
                                                            : "an input on another device");
    }
    return true;
}

static int64_t param_rows(const Param *p)
{
    return p->is_bias ? p->shape.c : p->shape.n;
}

static int64_t node_rows(const Node *n)
{
    return n->attr.param.param->is_bias ? n->shape.c : n->shape.n;
}

static bool rows_meet(const Node *a, const Node *b)
{
    return a->attr.param.first_row < b->attr.param.first_row + node_rows(b) &&
           b->attr.param.first_row < a->attr.param.first_row + node_rows(a);
}

// The PARAM nodes of a parameter are disjoint runs of rows that together are all of them, or
// there is none (a parameter that this graph does not use).
static bool check_params(Verify *v)
{
    const Graph *g = v->g;
    const Node **last = ARENA_ARRAY(g->arena, const Node *, g->param_count + 1);
    const Node **before = ARENA_ARRAY(g->arena, const Node *, g->count + 1);
    int64_t *rows = ARENA_ARRAY(g->arena, int64_t, g->param_count + 1);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (n->op != OP_PARAM)
            continue;
        int at = n->attr.param.param->index;
        for (const Node *o = last[at]; o; o = before[o->id])
            if (rows_meet(n, o))
                return bad(v, n, "rows that another part has, too");
        before[i] = last[at];
        last[at] = n;
        rows[at] += node_rows(n);
    }
    for (int i = 0; i < g->param_count; i++)
        if (last[i] && rows[i] != param_rows(g->params[i]))
            return bad(v, last[i], "not all rows of its parameter are in the graph");
    return true;
}

// --- HAS_GRADIENTS -------------------------------------------------------------------------------

static bool check_roles(Verify *v)
{
    const Graph *g = v->g;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        if (g->mode != GRAPH_TRAIN && n->role != ROLE_FORWARD)
            return bad(v, n, "a gradient where nothing is trained");
        if ((n->role == ROLE_UPDATE) != op_has(n->op, OP_UPDATE))
            return bad(v, n, "a role that does not fit its op");
        if (n->role == ROLE_BACKWARD && !n->forward)
            return bad(v, n, "a gradient of nothing");
    }
    return true;
}

// By node id: does the loss depend on it?
static bool *before_loss(const Graph *g)
{
    bool *before = ARENA_ARRAY(g->arena, bool, g->count + 1);
    if (g->loss)
        before[g->loss->id] = true;
    for (int i = g->count - 1; i >= 0; i--)
        for (int k = 0; before[i] && k < g->nodes[i]->inputs; k++)
            before[g->nodes[i]->in[k]->id] = true;
    return before;
}

// Every parameter that the loss depends on is updated once, by a gradient of its shape, after all
// that read it.
static bool check_updates(Verify *v)
{
    const Graph *g = v->g;
    const Node **update = ARENA_ARRAY(g->arena, const Node *, g->count + 1);
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; k < n->inputs; k++)
            if (update[n->in[k]->id])
                return bad(v, n, "it reads a parameter after its update");
        if (n->role != ROLE_UPDATE)
            continue;
        const Node *param = n->in[0];
        if (param->op != OP_PARAM || n->attr.update.param != param->attr.param.param->index)
            return bad(v, n, "an update of something else");
        if (!shape_equal(n->in[1]->shape, param->shape))
            return bad(v, n, "a gradient of another shape than its parameter");
        update[param->id] = n;
    }
    const bool *before = before_loss(g);
    for (int i = 0; g->mode == GRAPH_TRAIN && i < g->count; i++)
        if (g->nodes[i]->op == OP_PARAM && before[i] && !update[i])
            return bad(v, g->nodes[i], "a parameter without an update");
    return true;
}

// --- with a target -------------------------------------------------------------------------------

static bool check_layouts(Verify *v)
{
    for (int i = 0; i < v->g->count; i++)
        if (v->g->nodes[i]->layout.kind == LAYOUT_NONE)
            return bad(v, v->g->nodes[i], "no layout");
    return true;
}

static bool check_groups(Verify *v)
{
    const Graph *g = v->g;
    for (int i = 0; i < g->group_count; i++)
        for (int k = 0; k < g->groups[i]->count; k++)
            if (g->groups[i]->nodes[k]->group != g->groups[i])
                return bad(v, g->groups[i]->nodes[k], "a node of two groups");
    return true;
}

// A group runs after all groups that compute what it reads.
static bool check_order(Verify *v)
{
    const Graph *g = v->g;
    for (int i = 0; i < g->group_count; i++) {
        const Group *group = g->groups[i];
        for (int k = 0; k < group->input_count; k++) {
            const Group *needed = group->inputs[k]->group;
            if (needed && needed->command > group->command)
                return bad(v, group->root, "a kernel that runs before its input is there");
        }
    }
    return true;
}

// --- the table -----------------------------------------------------------------------------------

static const struct { unsigned needs; bool (*check)(Verify *v); } checks[] = {
    { 0,             check_inputs  },
    { 0,             check_names   },
    { 0,             check_ends    },
    { HAS_SHAPES,    check_shapes  },
    { HAS_DEVICES,   check_devices },
    { HAS_DEVICES,   check_params  },
    { HAS_GRADIENTS, check_roles   },
    { HAS_GRADIENTS, check_updates },
    { HAS_LAYOUTS,   check_layouts },
    { HAS_GROUPS,    check_groups  },
    { HAS_ORDER,     check_order   },
};

bool graph_verify(Graph *g, const char *after)
{
    Verify v = { g, after };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if ((checks[i].needs & g->facts) == checks[i].needs && !checks[i].check(&v))
            return false;
    return true;
}
