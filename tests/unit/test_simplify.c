// Every rule of pass_simplify, off and on: what it takes away, and that the numbers stay. And the
// verifier: what a pass might break is found.
#include "evaluate/evaluate.h"
#include "ir/group.h"
#include "pass/simplify.h"
#include "reference/nets.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

// --- small graphs in which one rule applies -----------------------------------------------------------

static Node *chain(Net *n, Op op, Node *in, const Node *with)
{
    const char *name = arena_printf(&n->arena, "%s_%d", op_table[op]->name, ++n->layers);
    Node *made = graph_add(n->g, op, name, NO_SPAN, NULL, 1, &in);
    if (with)
        made->attr = with->attr;
    made->device = 0;
    assert_true(graph_infer(n->g, made));
    return n->at = made;
}

static Node *join2(Net *n, Op op, Node *a, Node *b)
{
    const char *name = arena_printf(&n->arena, "%s_%d", op_table[op]->name, ++n->layers);
    Node *made = graph_add(n->g, op, name, NO_SPAN, NULL, 2, (Node *[]){ a, b });
    made->device = 0;
    assert_true(graph_infer(n->g, made));
    return n->at = made;
}

static Node *slice(Net *n, Node *in, int64_t first, int64_t channels)
{
    Node with = { .attr.slice = { first, channels } };
    return chain(n, OP_SLICE, in, &with);
}

static Node *embed(Net *n, Node *in, int64_t first, int64_t channels)
{
    Node with = { .attr.slice = { first, channels } };
    return chain(n, OP_EMBED, in, &with);
}

static Node *scale(Net *n, Node *in, double a, double b)
{
    Node with = { .attr.pointwise = { a, b } };
    return chain(n, OP_SCALE, in, &with);
}

static void paper_dropout(Net *n) { net_dropout(n, 0.25, true); n->at->device = 0; }
static void inverted_dropout(Net *n) { net_dropout(n, 0.25, false); n->at->device = 0; }
static void scale_by_one(Net *n) { scale(n, n->at, 1, 0); }
static void slice_of_all(Net *n) { slice(n, n->at, 0, 4); }
static void flatten_twice(Net *n)
{
    chain(n, OP_FLATTEN, n->at, NULL);
    chain(n, OP_FLATTEN, n->at, NULL);
}
static void add_zero(Net *n)
{
    Node *x = n->at;
    join2(n, OP_ADD, x, scale(n, x, 0, 0));
}
static void add_embeds(Net *n)
{
    Node *x = n->at, *low = slice(n, x, 0, 1), *high = slice(n, x, 1, 3);
    Node *first = embed(n, scale(n, low, 2, 0), 0, 4);
    join2(n, OP_ADD, embed(n, scale(n, high, 3, 0), 1, 4), first);
}
static void slice_of_concat(Net *n)
{
    Node *x = n->at, *y = scale(n, x, 2, 1);
    slice(n, join2(n, OP_CONCAT, x, y), 5, 2);
}
static void slice_of_slice(Net *n) { slice(n, slice(n, n->at, 1, 3), 1, 2); }
static void slice_of_embed(Net *n) { slice(n, embed(n, n->at, 2, 9), 3, 2); }
static void slice_beside_embed(Net *n)
{
    Node *x = slice(n, n->at, 1, 2);
    join2(n, OP_ADD, x, slice(n, embed(n, x, 3, 9), 5, 2));
}
static void copy_of_zero(Net *n)
{
    Node *x = n->at, *zero = scale(n, x, 0, 0);
    join2(n, OP_ADD, x, chain(n, OP_COPY, zero, NULL));
}
static void concat_of_slices(Net *n)
{
    Node *x = n->at, *low = slice(n, x, 1, 1), *high = slice(n, x, 2, 2);
    join2(n, OP_CONCAT, low, high);
}
static Node *images(Net *n, Op op, Node *in, int64_t first, int64_t count)
{
    Node with = { .attr.slice = { first, count } };
    return chain(n, op, in, &with);
}
// Three embeddings that meet: of two pairs none is all of the batch.
static void add_embedded_images(Net *n)
{
    Node *x = n->at, *sum = NULL;
    for (int i = 0; i < 3; i++) {
        Node *part = scale(n, images(n, OP_BATCH_SLICE, x, i, 1), 2 + i, 0);
        Node *all = images(n, OP_BATCH_EMBED, part, i, 3);
        sum = sum ? join2(n, OP_ADD, sum, all) : all;
    }
}
static void images_of_concat(Net *n)
{
    Node *x = n->at, *y = scale(n, x, 2, 1);
    images(n, OP_BATCH_SLICE, join2(n, OP_BATCH_CONCAT, x, y), 3, 3);
}
static void images_of_images(Net *n)
{
    images(n, OP_BATCH_SLICE, images(n, OP_BATCH_SLICE, n->at, 0, 2), 0, 1);
    Node *one = n->at;
    join2(n, OP_BATCH_CONCAT, join2(n, OP_BATCH_CONCAT, one, one), one);
}
static void concat_of_images(Net *n)
{
    Node *x = n->at;
    join2(n, OP_BATCH_CONCAT, images(n, OP_BATCH_SLICE, x, 0, 1), images(n, OP_BATCH_SLICE, x, 1, 2));
}
static void computed_twice(Net *n)
{
    Node *x = n->at, *a = scale(n, x, 2, 1), *b = scale(n, x, 2, 1);
    join2(n, OP_MUL, a, b);
}

static const struct {
    const char *rule;
    void      (*build)(Net *n);
    Op          op;                    // of which there are then fewer
    int         without, with;         // how many, with this rule off and on
} cases[] = {
    { "dropout",       paper_dropout,    OP_DROPOUT, 1, 0 },
    { "dropout",       inverted_dropout, OP_DROPOUT, 1, 0 },
    { "scale",         scale_by_one,     OP_SCALE,   1, 0 },
    { "view",          slice_of_all,     OP_SLICE,   1, 0 },
    { "add-zero",      add_zero,         OP_ADD,     1, 0 },
    { "add-embeds",    add_embeds,       OP_EMBED,   2, 0 },
    { "slice",         slice_of_concat,  OP_CONCAT,  1, 0 },
    { "slice",         slice_of_slice,   OP_SLICE,   2, 1 },
    { "slice",         slice_of_embed,   OP_EMBED,   1, 0 },
    { "slice",         slice_beside_embed, OP_EMBED, 1, 0 },
    { "copy-zero",     copy_of_zero,     OP_COPY,    1, 0 },
    { "concat-slices", concat_of_slices, OP_SLICE,   2, 1 },
    { "add-embeds",    add_embedded_images, OP_ADD,      2, 0 },
    { "slice",         images_of_concat, OP_BATCH_CONCAT, 1, 0 },
    { "slice",         images_of_images, OP_BATCH_SLICE, 2, 1 },
    { "concat-slices", concat_of_images, OP_BATCH_SLICE, 2, 0 },
    { "common",        computed_twice,   OP_SCALE,   2, 1 },
};

static unsigned bit_of(const char *rule)
{
    for (int i = 0; i < simplify_rule_count; i++)
        if (!strcmp(simplify_rules[i].name, rule))
            return 1u << i;
    fail_msg("no rule '%s'", rule);
    return 0;
}

static void build_case(Net *n, int i)
{
    net_open(n, FORM_GROUPED, GRAPH_PREDICT, 3, 4, 3, 3);
    n->at->device = 0;
    cases[i].build(n);
    net_loss(n);
    assert_int_equal(n->diag.errors, 0);
}

static int count_op(const Graph *g, Op op)
{
    int count = 0;
    for (int i = 0; i < g->count; i++)
        count += g->nodes[i]->op == op;
    return count;
}

static const double *output(Net *n, int64_t *count)
{
    Evaluator *e = evaluator_open(&n->arena, n->g);
    evaluator_fill(e, 3);
    evaluator_run(e);
    *count = shape_count(n->g->outputs[0].node->shape);
    return e->value[n->g->outputs[0].node->id];
}

static void each_rule_off_and_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Net off, on;
        build_case(&off, (int)i);
        build_case(&on, (int)i);
        assert_true(simplify_graph(off.g, ~bit_of(cases[i].rule)));
        assert_true(simplify_graph(on.g, ~0u));
        if (count_op(off.g, cases[i].op) != cases[i].without ||
            count_op(on.g, cases[i].op) != cases[i].with)
            fail_msg("case %zu, %s: %d without, %d with", i, cases[i].rule,
                     count_op(off.g, cases[i].op), count_op(on.g, cases[i].op));
        int64_t count, other;
        const double *a = output(&off, &count), *b = output(&on, &other);
        assert_int_equal(count, other);
        for (int64_t k = 0; k < count; k++)
            assert_true(fabs(a[k] - b[k]) < 1e-15);
        net_close(&off);
        net_close(&on);
    }
}

// Flatten of a vector is a view that moves nothing, so the rule for two of them shows alone.
static void flatten_of_flatten(void **state)
{
    (void)state;
    Net n;
    net_open(&n, FORM_GROUPED, GRAPH_PREDICT, 2, 4, 3, 3);
    n.at->device = 0;
    flatten_twice(&n);
    net_loss(&n);
    assert_true(simplify_graph(n.g, bit_of("flatten")));
    assert_int_equal(count_op(n.g, OP_FLATTEN), 1);
    net_close(&n);
}

static void dropout_stays_while_training(void **state)
{
    (void)state;
    Net n;
    net_open(&n, FORM_GROUPED, GRAPH_TRAIN, 2, 4, 3, 3);
    net_dropout(&n, 0.5, true);
    net_fc(&n, "f", 3);
    net_loss(&n);
    assert_true(pass_run(n.g, NULL, NULL));
    assert_int_equal(count_op(n.g, OP_DROPOUT), 1);
    net_close(&n);
}

// --- the verifier -----------------------------------------------------------------------------------------

static Node *first_of(const Graph *g, Op op)
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == op)
            return g->nodes[i];
    fail_msg("no %s", op_table[op]->name);
    return NULL;
}

static void break_id(Graph *g) { g->nodes[3]->id = 4; }
static void break_order(Graph *g) { first_of(g, OP_RELU)->in[0] = g->nodes[g->count - 1]; }
static void break_name(Graph *g) { g->nodes[1]->name = g->nodes[0]->name; }
static void break_shape(Graph *g) { first_of(g, OP_RELU)->shape.h = 0; }
static void break_device(Graph *g) { first_of(g, OP_RELU)->device = 1; }
static void break_part(Graph *g) { first_of(g, OP_RELU)->part = 7; }
static void break_rows(Graph *g) { first_of(g, OP_PARAM)->attr.param.first_row = 1; }
static void break_role(Graph *g) { first_of(g, OP_SGD)->role = ROLE_FORWARD; }
static void break_update(Graph *g) { first_of(g, OP_SGD)->attr.update.param = 99; }
static void break_missing(Graph *g) { g->count--; }
static void break_gradient(Graph *g) { first_of(g, OP_RELU_DX)->forward = NULL; }
static void break_layout(Graph *g) { first_of(g, OP_RELU)->layout.kind = LAYOUT_NONE; }
static void break_group(Graph *g) { g->groups[0]->nodes[0]->group = NULL; }
static void break_command(Graph *g) { g->groups[0]->command = g->command_count; }

static void what_a_pass_might_break_is_found(void **state)
{
    (void)state;
    static void (*const breaks[])(Graph *g) = {
        break_id, break_order, break_name, break_shape, break_device, break_part, break_rows,
        break_role, break_update, break_missing, break_gradient,
        break_layout, break_group, break_command,
    };
    const PassOptions target = { target_find("avx2"), true, true, true, 1, NULL };
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        Net n;
        net_open(&n, FORM_SPLIT, GRAPH_TRAIN, 2, 2, 4, 4);
        net_split(&n, 2);
        net_conv(&n, "c1", 4, net_window(3, 1, 1, false), 1);
        net_relu(&n);
        net_all(&n);
        net_conv(&n, "c2", 4, net_window(1, 1, 0, false), 1);
        net_join(&n);
        net_fc(&n, "f1", 3);
        net_loss(&n);
        assert_true(pass_run(n.g, &target, NULL));
        breaks[i](n.g);
        if (graph_verify(n.g, "test"))
            fail_msg("break %zu was not found", i);
        assert_non_null(strstr(n.diag.first->text, "internal error: bad graph after 'test'"));
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_off_and_on),
        cmocka_unit_test(flatten_of_flatten),
        cmocka_unit_test(dropout_stays_while_training),
        cmocka_unit_test(what_a_pass_might_break_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
