// The fused functions of a group: its pointwise nodes as functions EPILOGUE and PROLOGUE, one line a
// node, from the texts of the op table.
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

// The nodes that become one function.
typedef struct {
    const Kern  *kern;
    Node *const *nodes;
    int          count;
    const Node  *flow;             // what v is: the value that the root leaves, or that a chain of
                                   // pointwise nodes starts from; NULL: there is none
    Lanes        lanes;
} Chain;

static Chain epilogue_of(const Kern *k, Lanes lanes)
{
    const Group *g = k->group;
    int before = g->count - g->epilogue_count;
    const Node *flow = before > 0 ? g->nodes[before - 1] : g->nodes[0]->in[0];
    return (Chain){ k, g->epilogue, g->epilogue_count, flow, lanes };
}

static Chain prologue_of(const Kern *k, Lanes lanes)
{
    return (Chain){ k, k->group->nodes, k->group->prologue_count, NULL, lanes };
}

// One value for each channel (a bias), not one for each element, nor for each place of a map.
static bool is_per_channel(const Node *operand, const Node *n)
{
    bool has_places = operand->shape.h * operand->shape.w > 1;
    return (!has_places && !shape_equal(operand->shape, n->shape))
        || (operand->layout.kind != n->layout.kind && operand->shape.h * operand->shape.w == 1
            && operand->shape.n == 1);
}

static bool is_value(const Chain *c, const Node *n)
{
    return n == c->flow || group_computes(c->kern->group, n);
}

// --- what stands before the function ------------------------------------------------------------

static void print_operand_address(Emit *e, const Chain *chain, const Node *n, int i)
{
    const Node *operand = n->in[i];
    int arg = kern_find(chain->kern, operand);
    char name[HEAD_NAME];
    snprintf(name, sizeof name, "AT_T%d", arg);
    for (int q = 0; q < e->name_count; q++)
        if (!strcmp(e->names[q], name))
            return;
    if (is_per_channel(operand, n) && chain->lanes == LANES_ONE)
        head_element(e, name, operand);
    else if (!is_per_channel(operand, n))
        head_address(e, name, operand);
}

static bool print_addresses(Emit *e, const Chain *chain)
{
    for (int i = 0; i < chain->count; i++) {
        const Node *n = chain->nodes[i];
        for (int q = 0; q < n->inputs; q++) {
            if (is_value(chain, n->in[q]) || !epilogue_uses(n, q))
                continue;
            if (!is_per_channel(n->in[q], n) && layout_lanes(&n->in[q]->layout) != chain->lanes) {
                snprintf(e->err, PROGRAM_ERROR, "internal error: '%s' reads '%s' in another layout",
                         n->name, n->in[q]->name);
                return false;
            }
            print_operand_address(e, chain, n, q);
        }
        if (op_has(n->op, OP_RANDOM)) {
            char name[HEAD_NAME];
            snprintf(name, sizeof name, "INDEX%d", i + 1);
            head_index(e, name, n, chain->lanes);
        }
    }
    return true;
}

static void print_side_addresses(Emit *e, const Kern *k)
{
    const Group *g = k->group;
    for (int i = 0; i + 1 < g->output_count; i++) {
        char name[HEAD_NAME];
        snprintf(name, sizeof name, "AT_T%d", kern_find(k, g->outputs[i]));
        head_address(e, name, g->outputs[i]);
    }
}

// --- the lines of the function ------------------------------------------------------------------

static void print_operand(Emit *e, const Chain *chain, const Node *n, int i)
{
    const Node *operand = n->in[i];
    int arg = kern_find(chain->kern, operand);
    if (!is_per_channel(operand, n))
        fprintf(e->text, "r_load%s(t[%d], AT_T%d(%s, b, y, x))", head_load_suffix(&operand->layout), arg, arg,
                operand->shape.n < n->shape.n ? "0" : "n");          // the same for all images
    else if (chain->lanes == LANES_ONE)
        fprintf(e->text, "((const float *)t[%d])[AT_T%d(0, b, 0, 0)]", arg, arg);
    else if (chain->lanes == LANES_IMAGES)
        fprintf(e->text, "r_const(((const float *)t[%d])[b])", arg);
    else if (operand->layout.kind == LAYOUT_PLAIN)
        fprintf(e->text, "r_load_some(t[%d], b * V, %" PRId64 " - b * V)", arg, operand->shape.c);
    else
        fprintf(e->text, "r_load(t[%d], b * V)", arg);
}

static void print_random(Emit *e, const Chain *chain, int i)
{
    const Node *n = chain->nodes[i];
    fprintf(e->text, "r_random(t[%d], 0x%08" PRIx32 "u, INDEX%d(n, b, y, x), %" PRId64 ")",
            kern_find_state(chain->kern), n->attr.dropout.key, i + 1, head_index_step(n, chain->lanes));
}

// The name of an earlier value of the chain: v, v1, v2, ...
static void print_value(Emit *e, const Chain *chain, const Node *n)
{
    for (int i = 0; i < chain->count; i++)
        if (chain->nodes[i] == n) {
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
static const char *print_hole(Emit *e, const Chain *chain, int i, const char *c)
{
    const Node *n = chain->nodes[i];
    double a = 0, b = 0;
    if (op_table[n->op]->numbers)
        op_table[n->op]->numbers(n, &a, &b);
    if (isdigit((unsigned char)*c) && is_value(chain, n->in[*c - '0']))
        print_value(e, chain, n->in[*c - '0']);
    else if (isdigit((unsigned char)*c))
        print_operand(e, chain, n, *c - '0');
    else if (*c == 'r')
        print_random(e, chain, i);
    else if (*c == 't') {
        char *end;
        fprintf(e->text, "v%d_%ld", i + 1, strtol(c + 1, &end, 10));
        c = end - 1;
    } else
        print_number(e, *c == 'a' ? a : b);
    return c;
}

// One node: its text with the holes filled, a line for each of its expressions.
static void print_node(Emit *e, const Chain *chain, int i)
{
    const Node *n = chain->nodes[i];
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
                c = print_hole(e, chain, i, c + 1);
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

static void print_store(Emit *e, const Chain *chain, const Node *n)
{
    if (!is_side_output(chain->kern->group, n))
        return;
    int arg = kern_find(chain->kern, n);
    head_line(e, n);
    fprintf(e->text, "    r_store%s(t[%d], AT_T%d(n, b, y, x), ", head_store_suffix(&n->layout), arg, arg);
    print_value(e, chain, n);
    fprintf(e->text, ");\n");
}

// All lines: what others read is stored, and lanes of padding are zeros where `lanes_of` counts lanes.
static void print_lines(Emit *e, const Chain *chain, const char *lanes_of)
{
    for (int i = 0; i < chain->count; i++) {
        print_node(e, chain, i);
        if (lanes_of) {
            head_line(e, chain->nodes[i]);
            fprintf(e->text, "    v%d = r_first_lanes(v%d, %s(n, b));\n", i + 1, i + 1, lanes_of);
        }
        print_store(e, chain, chain->nodes[i]);
    }
}

// The end of the function: the last of `count` values, or v; `rounded` as r_round's name goes on.
static void print_return(Emit *e, const char *rounded, int count)
{
    char value[HEAD_NAME] = "v";
    if (count)
        snprintf(value, sizeof value, "v%d", count);
    if (*rounded)
        fprintf(e->text, "    return r_round%s(%s);\n}\n", rounded, value);
    else
        fprintf(e->text, "    return %s;\n}\n", value);
}

bool head_epilogue(Emit *e, const Kern *k, Lanes lanes)
{
    const Group *g = k->group;
    const Node *out = g->nodes[g->count - 1];
    Chain chain = epilogue_of(k, lanes);
    bool masks = chain.count && head_has_padding(out, lanes);
    if (!print_addresses(e, &chain))
        return false;
    print_side_addresses(e, k);
    if (masks)
        head_lanes(e, "LANES_OF", out, lanes);
    head_function(e, "real", "EPILOGUE",
                  arena_printf(e->arena, "void *const *t, real v, %s", head_block_index(e)));
    print_store(e, &chain, chain.flow);
    print_lines(e, &chain, masks ? "LANES_OF" : NULL);
    head_line(e, out);
    // The bodies of GPUs round where they store, those of CPUs store what they are given.
    print_return(e, e->target->kind == TARGET_CPU ? head_store_suffix(&out->layout) : "", chain.count);
    return true;
}

bool head_prologue(Emit *e, const Kern *k, Lanes lanes)
{
    Chain chain = prologue_of(k, lanes);
    const Node *last = chain.nodes[chain.count - 1];
    bool masks = head_has_padding(last, lanes);
    if (!print_addresses(e, &chain))
        return false;
    if (masks)
        head_lanes(e, "LANES_IN", last, lanes);
    head_function(e, "real", "PROLOGUE", arena_printf(e->arena, "void *const *t, %s", head_block_index(e)));
    print_lines(e, &chain, masks ? "LANES_IN" : NULL);
    head_line(e, last);
    print_return(e, head_store_suffix(&last->layout), chain.count);
    return true;
}
