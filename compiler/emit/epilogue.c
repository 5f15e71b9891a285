// The fused functions of a group: its pointwise nodes as one function EPILOGUE, one line a node,
// from the texts of the op table.
#include "emit/kernel.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool epilogue_uses(const Node *n, int i)
{
    const char *text = node_text(n);
    for (const char *c = text ? strchr(text, '%') : NULL; c; c = strchr(c + 1, '%'))
        if (c[1] == '0' + i)
            return true;
    return false;
}

// What v is: the value the root leaves, or what a chain of pointwise nodes starts from.
static const Node *flow_of(const Group *g)
{
    int before = g->count - g->epilogue_count;
    return before > 0 ? g->nodes[before - 1] : g->nodes[0]->in[0];
}

// One value for each channel (a bias), not one for each element.
static bool is_per_channel(const Node *operand, const Node *n)
{
    return !shape_equal(operand->shape, n->shape)
        || (operand->layout.kind != n->layout.kind && operand->shape.h * operand->shape.w == 1
            && operand->shape.n == 1);
}

static bool is_value(const Group *g, const Node *n)
{
    return n == flow_of(g) || group_computes(g, n);
}

// --- what stands before the function ------------------------------------------------------------

static void print_operand_address(Emit *e, const Kern *k, const Node *n, int i, Lanes lanes)
{
    const Node *operand = n->in[i];
    int arg = kern_find(k, operand);
    char name[HEAD_NAME];
    snprintf(name, sizeof name, "AT_T%d", arg);
    for (int q = 0; q < e->name_count; q++)
        if (!strcmp(e->names[q], name))
            return;
    if (is_per_channel(operand, n) && lanes == LANES_ONE)
        head_element(e, name, operand);
    else if (!is_per_channel(operand, n))
        head_address(e, name, operand);
}

static bool print_addresses(Emit *e, const Kern *k, Lanes lanes)
{
    const Group *g = k->group;
    for (int i = 0; i < g->epilogue_count; i++) {
        const Node *n = g->epilogue[i];
        for (int q = 0; q < n->inputs; q++) {
            if (is_value(g, n->in[q]) || !epilogue_uses(n, q))
                continue;
            if (!is_per_channel(n->in[q], n) && layout_lanes(&n->in[q]->layout) != lanes) {
                snprintf(e->err, PROGRAM_ERROR, "internal error: '%s' reads '%s' in another layout",
                         n->name, n->in[q]->name);
                return false;
            }
            print_operand_address(e, k, n, q, lanes);
        }
        if (op_has(n->op, OP_RANDOM)) {
            char name[HEAD_NAME];
            snprintf(name, sizeof name, "INDEX%d", i + 1);
            head_index(e, name, n, lanes);
        }
    }
    for (int i = 0; i + 1 < g->output_count; i++) {
        char name[HEAD_NAME];
        snprintf(name, sizeof name, "AT_T%d", kern_find(k, g->outputs[i]));
        head_address(e, name, g->outputs[i]);
    }
    return true;
}

// --- the lines of the function ------------------------------------------------------------------

static void print_operand(Emit *e, const Kern *k, const Node *n, int i, Lanes lanes)
{
    const Node *operand = n->in[i];
    int arg = kern_find(k, operand);
    if (!is_per_channel(operand, n))
        fprintf(e->text, "r_load%s(t[%d], AT_T%d(n, b, y, x))", head_load_suffix(&operand->layout), arg, arg);
    else if (lanes == LANES_ONE)
        fprintf(e->text, "((const float *)t[%d])[AT_T%d(0, b, 0, 0)]", arg, arg);
    else if (lanes == LANES_IMAGES)
        fprintf(e->text, "r_const(((const float *)t[%d])[b])", arg);
    else if (operand->layout.kind == LAYOUT_PLAIN)
        fprintf(e->text, "r_load_some(t[%d], b * V, %" PRId64 " - b * V)", arg, operand->shape.c);
    else
        fprintf(e->text, "r_load(t[%d], b * V)", arg);
}

static void print_random(Emit *e, const Kern *k, const Node *n, int i, Lanes lanes)
{
    fprintf(e->text, "r_random(t[%d], 0x%08" PRIx32 "u, INDEX%d(n, b, y, x), %" PRId64 ")",
            kern_find_state(k), n->attr.dropout.key, i + 1, head_index_step(n, lanes));
}

// The name of an earlier value of the group: v, v1, v2, ...
static void print_value(Emit *e, const Group *g, const Node *n)
{
    for (int i = 0; i < g->epilogue_count; i++)
        if (g->epilogue[i] == n) {
            fprintf(e->text, "v%d", i + 1);
            return;
        }
    fputc('v', e->text);
}

static void print_number(Emit *e, double value)
{
    char text[HEAD_FLOAT];
    fprintf(e->text, "r_const(%s)", head_float(text, value));
}

// What stands behind the `%` at c, filled in. Returns its last character.
static const char *print_hole(Emit *e, const Kern *k, int i, const char *c, Lanes lanes)
{
    const Node *n = k->group->epilogue[i];
    double a = 0, b = 0;
    if (op_table[n->op]->numbers)
        op_table[n->op]->numbers(n, &a, &b);
    if (isdigit((unsigned char)*c) && is_value(k->group, n->in[*c - '0']))
        print_value(e, k->group, n->in[*c - '0']);
    else if (isdigit((unsigned char)*c))
        print_operand(e, k, n, *c - '0', lanes);
    else if (*c == 'r')
        print_random(e, k, n, i, lanes);
    else if (*c == 't') {
        char *end;
        fprintf(e->text, "v%d_%ld", i + 1, strtol(c + 1, &end, 10));
        c = end - 1;
    } else
        print_number(e, *c == 'a' ? a : b);
    return c;
}

// One node: its text with the holes filled, a line for each of its expressions.
static void print_node(Emit *e, const Kern *k, int i, Lanes lanes)
{
    const Node *n = k->group->epilogue[i];
    int expressions = 0;
    for (const char *c = node_text(n), *end; *c; c = *end ? end + 2 : end) {
        end = c + strcspn(c, ";");
        head_line(e, n);
        if (*end)
            fprintf(e->text, "    real v%d_%d = ", i + 1, expressions++);
        else
            fprintf(e->text, "    real v%d = ", i + 1);
        for (; c < end; c++)
            if (*c == '%')
                c = print_hole(e, k, i, c + 1, lanes);
            else
                fputc(*c, e->text);
        fputs(*end ? ";\n" : "", e->text);
    }
    fprintf(e->text, ";    // %s\n", node_kind(n));
}

static bool is_side_output(const Group *g, const Node *n)
{
    for (int i = 0; i + 1 < g->output_count; i++)
        if (g->outputs[i] == n)
            return true;
    return false;
}

static void print_store(Emit *e, const Kern *k, const Node *n)
{
    if (!is_side_output(k->group, n))
        return;
    int arg = kern_find(k, n);
    head_line(e, n);
    fprintf(e->text, "    r_store%s(t[%d], AT_T%d(n, b, y, x), ", head_store_suffix(&n->layout), arg, arg);
    print_value(e, k->group, n);
    fprintf(e->text, ");\n");
}

bool head_epilogue(Emit *e, const Kern *k, Lanes lanes)
{
    const Group *g = k->group;
    const Node *out = g->nodes[g->count - 1];
    bool masks = g->epilogue_count && head_has_padding(out, lanes);
    if (!print_addresses(e, k, lanes))
        return false;
    if (masks)
        head_lanes(e, "LANES_OF", out, lanes);
    head_function(e, "real", "EPILOGUE",
                  arena_printf(e->arena, "void *const *t, real v, %s", head_block_index(e)));
    print_store(e, k, flow_of(g));
    for (int i = 0; i < g->epilogue_count; i++) {
        print_node(e, k, i, lanes);
        if (masks) {
            head_line(e, g->epilogue[i]);
            fprintf(e->text, "    v%d = r_first_lanes(v%d, LANES_OF(n, b));\n", i + 1, i + 1);
        }
        print_store(e, k, g->epilogue[i]);
    }
    head_line(e, out);
    fprintf(e->text, "    return v");
    if (g->epilogue_count)
        fprintf(e->text, "%d", g->epilogue_count);
    fprintf(e->text, ";\n}\n");
    return true;
}
