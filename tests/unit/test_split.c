// Splits: the same parts on one device and on several compute the same bits; what place makes of
// groups, of `on`, of values that are used twice; what AlexNet exchanges, item by item.
#include "evaluate/evaluate.h"
#include "pass/pass.h"
#include "reference/nets.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef void (*Builder)(Net *n, SplitForm form);

static void run_passes(Net *n)
{
    if (!pass_run(n->g, NULL, NULL)) {
        diag_print(&n->diag, stderr, false);
        fail_msg("the passes failed");
    }
}

// --- nets ------------------------------------------------------------------------------------------

static Window same(int kernel)
{
    return net_window(kernel, 1, kernel / 2, false);
}

static void two_columns(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 3, 3, 9, 9);
    net_split(n, 2);
    net_conv(n, "c1", 8, net_window(3, 2, 0, true), 1);
    net_relu(n);
    net_lrn(n, 3);
    net_all(n);
    net_conv(n, "c2", 8, same(3), 1);
    net_relu(n);
    net_max_pool(n, net_window(3, 2, 0, false));
    net_conv(n, "c3", 4, same(1), 1);
    net_all(n);
    net_fc(n, "f1", 6);
    net_dropout(n, 0.5, true);
    n->at->attr.dropout.key = 7;                      // the same in all forms
    net_join(n);
    net_fc(n, "f2", 5);
    net_loss(n);
}

static Node *add_two(Net *n, Node *a, Node *b)
{
    Node *in[2] = { a, b };
    Node *sum = graph_add(n->g, OP_ADD, arena_printf(&n->arena, "add_%d", ++n->layers), NO_SPAN,
                          NULL, 2, in);
    sum->split = n->split;
    graph_infer(n->g, sum);
    return sum;
}

// Three parts that all read one value twice: its gradient has six terms, and one copy of a value
// serves two readers.
static void read_twice(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 2, 2, 5, 5);
    net_split(n, 3);
    net_conv(n, "c1", 6, same(3), 1);
    Node *shared = n->at;
    net_all(n);
    net_conv(n, "c2", 6, same(3), 1);
    Node *left = n->at;
    n->at = shared;
    net_all(n);
    net_conv(n, "c3", 6, same(1), 1);
    n->at = add_two(n, left, n->at);
    net_relu(n);
    net_join(n);
    net_fc(n, "f1", 4);
    net_loss(n);
}

// A convolution with groups of its own over a whole value: its parts read slices.
static void groups_over_whole(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 2, 3, 5, 5);
    net_conv(n, "c0", 8, same(3), 1);
    net_split(n, 2);
    net_conv(n, "c1", 8, same(3), 4);
    net_relu(n);
    net_all(n);
    net_conv(n, "c2", 4, same(1), 2);
    net_join(n);
    net_fc(n, "f1", 4);
    net_loss(n);
}

// Fewer groups than parts: several parts read the same group.
static void parts_of_groups(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 2, 4, 4, 4);
    net_conv(n, "c0", 4, same(3), 1);
    net_split(n, 4);
    net_conv(n, "c1", 8, same(3), 2);
    net_tanh(n);
    net_join(n);
    net_fc(n, "f1", 4);
    net_loss(n);
}

// A normalisation over all maps: a part reads maps of its neighbours, here of two on a side.
static void across_parts(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 2, 3, 5, 5);
    net_split(n, 4);
    net_conv(n, "c1", 4, same(3), 1);
    net_relu(n);
    net_lrn(n, 5);
    n->at->attr.lrn.parts = 1;
    net_conv(n, "c2", 8, same(3), 1);
    net_lrn(n, 3);
    n->at->attr.lrn.parts = 1;
    net_join(n);
    net_fc(n, "f1", 4);
    net_loss(n);
}

// Stages without weights on a whole value: every part holds the whole result.
static void whole_within(Net *n, SplitForm form)
{
    net_open(n, form, GRAPH_TRAIN, 2, 4, 5, 5);
    net_conv(n, "c0", 6, same(3), 1);
    net_split(n, 2);
    net_relu(n);
    net_max_pool(n, net_window(2, 1, 0, false));
    net_dropout(n, 0.3, false);
    n->at->attr.dropout.key = 8;
    net_conv(n, "c1", 6, same(3), 1);
    net_dropout(n, 0.3, false);
    n->at->attr.dropout.key = 9;
    net_join(n);
    net_fc(n, "f1", 4);
    net_loss(n);
}

static const struct { const char *name; Builder build; } nets[] = {
    { "two columns",           two_columns       },
    { "a value read twice",    read_twice        },
    { "groups over a whole",   groups_over_whole },
    { "more parts than groups", parts_of_groups  },
    { "lrn across parts",      across_parts      },
    { "whole within a split",  whole_within      },
};
enum { NETS = sizeof nets / sizeof *nets };

// --- numbers ----------------------------------------------------------------------------------------

static Evaluator *evaluated(Net *n, uint64_t seed)
{
    Evaluator *e = evaluator_open(&n->arena, n->g);
    evaluator_fill(e, seed);
    e->frozen = true;
    evaluator_run(e);
    return e;
}

static double *gradient(Net *n, const Evaluator *e, const Param *p)
{
    double *to = ARENA_ARRAY(&n->arena, double, shape_count(p->shape));
    evaluator_gradient(e, p, to);
    return to;
}

static double largest_difference(Net *a, Net *b)
{
    Evaluator *x = evaluated(a, 5), *y = evaluated(b, 5);
    double worst = fabs(evaluator_loss(x) - evaluator_loss(y));
    for (int i = 0; i < a->g->param_count; i++) {
        double *p = gradient(a, x, a->g->params[i]), *q = gradient(b, y, b->g->params[i]);
        for (int64_t k = 0; k < shape_count(a->g->params[i]->shape); k++)
            worst = fmax(worst, fabs(p[k] - q[k]));
    }
    return worst;
}

static double between_forms(Builder build, SplitForm one, SplitForm other)
{
    Net a, b;
    build(&a, one);
    build(&b, other);
    assert_int_equal(a.diag.errors + b.diag.errors, 0);
    run_passes(&a);
    run_passes(&b);
    double worst = largest_difference(&a, &b);
    net_close(&a);
    net_close(&b);
    return worst;
}

static void parts_compute_the_same_bits_wherever_they_are(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        double worst = between_forms(nets[i].build, FORM_SPLIT, FORM_PARTS);
        if (worst != 0)
            fail_msg("%s: %g", nets[i].name, worst);
    }
}

static void a_split_is_its_grouped_net(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        double worst = between_forms(nets[i].build, FORM_SPLIT, FORM_GROUPED);
        if (!(worst < 1e-12))
            fail_msg("%s: %g", nets[i].name, worst);
    }
}

// --- structure --------------------------------------------------------------------------------------

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Every node that computes, as text; sorted.
static char **computing_nodes(Net *n, int *count)
{
    char **list = ARENA_ARRAY(&n->arena, char *, n->g->count);
    *count = 0;
    for (int i = 0; i < n->g->count; i++) {
        const Node *node = n->g->nodes[i];
        if (op_has(node->op, OP_SOURCE | OP_VIEW | OP_TRANSFER))
            continue;
        list[(*count)++] = arena_printf(&n->arena, "%s %lldx%lldx%lldx%lld part %d of %d",
                                        op_table[node->op]->name, (long long)node->shape.n,
                                        (long long)node->shape.c, (long long)node->shape.h,
                                        (long long)node->shape.w, node->part, node->parts);
    }
    qsort(list, (size_t)*count, sizeof *list, by_text);
    return list;
}

static void parts_are_the_same_nodes_wherever_they_are(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        Net a, b;
        int count, other;
        nets[i].build(&a, FORM_SPLIT);
        nets[i].build(&b, FORM_PARTS);
        run_passes(&a);
        run_passes(&b);
        char **x = computing_nodes(&a, &count), **y = computing_nodes(&b, &other);
        assert_int_equal(count, other);
        for (int k = 0; k < count; k++)
            assert_string_equal(x[k], y[k]);
        net_close(&a);
        net_close(&b);
    }
}

static int count_copies(const Net *n, NodeRole role)
{
    int count = 0;
    for (int i = 0; i < n->g->count; i++)
        count += op_has(n->g->nodes[i]->op, OP_TRANSFER) && n->g->nodes[i]->role == role;
    return count;
}

// Each of three parts goes to two other devices once for both readers, and to the join.
static void a_value_is_copied_once_for_all_readers(void **state)
{
    (void)state;
    Net n;
    read_twice(&n, FORM_SPLIT);
    run_passes(&n);
    assert_int_equal(count_copies(&n, ROLE_FORWARD), 3 * 2 + 2);
    assert_int_equal(count_copies(&n, ROLE_BACKWARD), 3 * 2 + 2);
    net_close(&n);
}

// A stage `on` another device, outside of splits.
static void a_stage_on_another_device(void **state)
{
    (void)state;
    Net plain, moved;
    for (int i = 0; i < 2; i++) {
        Net *n = i ? &moved : &plain;
        net_open(n, FORM_GROUPED, GRAPH_TRAIN, 2, 2, 4, 4);
        net_conv(n, "c1", 4, same(3), 1);
        net_relu(n);
        if (i)
            n->at->device = graph_device(n->g, "gpu1");
        net_conv(n, "c2", 4, same(3), 1);
        net_fc(n, "f1", 3);
        net_loss(n);
        run_passes(n);
    }
    assert_int_equal(count_copies(&plain, ROLE_FORWARD), 0);
    assert_int_equal(count_copies(&moved, ROLE_FORWARD), 2);
    assert_int_equal(count_copies(&moved, ROLE_BACKWARD), 2);
    assert_true(largest_difference(&plain, &moved) == 0);
    net_close(&plain);
    net_close(&moved);
}

// Sums of gradients: a part's own users first, then those of the others in order.
static void the_own_part_comes_first(void **state)
{
    (void)state;
    Net n;
    two_columns(&n, FORM_SPLIT);
    run_passes(&n);
    int sums = 0;
    for (int i = 0; i < n.g->count; i++) {
        const Node *sum = n.g->nodes[i];
        if (sum->op != OP_ADD || sum->role != ROLE_BACKWARD || sum->parts != 2)
            continue;
        assert_false(op_has(sum->in[0]->op, OP_TRANSFER));
        assert_true(op_has(sum->in[1]->op, OP_TRANSFER));
        sums++;
    }
    assert_int_equal(sums, 4);                        // two `all`s, two parts each
    net_close(&n);
}

// --- what does not fit ----------------------------------------------------------------------------------

static void check_refused(Net *n, const char *code)
{
    assert_false(pass_run(n->g, NULL, NULL));
    assert_int_equal(n->diag.errors, 1);
    assert_string_equal(n->diag.first->code, code);
    net_close(n);
}

static void groups_and_parts_that_do_not_fit(void **state)
{
    (void)state;
    Net n;
    net_open(&n, FORM_SPLIT, GRAPH_PREDICT, 1, 6, 4, 4);
    net_split(&n, 2);
    net_conv(&n, "c1", 6, same(1), 3);
    n.at->in[0]->at = (Span){ 1, 2 };
    net_join(&n);
    net_loss(&n);
    check_refused(&n, "E210");
}

static void weights_in_parts_and_whole(void **state)
{
    (void)state;
    Net n;
    net_open(&n, FORM_SPLIT, GRAPH_PREDICT, 1, 4, 4, 4);
    net_split(&n, 2);
    net_conv(&n, "c1", 4, same(1), 1);
    Node *conv = n.at->in[0];
    net_join(&n);
    Node *again = graph_add(n.g, OP_CONV, "again", (Span){ 1, 2 }, conv->layer, 2,
                            (Node *[]){ n.at, conv->in[1] });
    again->attr = conv->attr;
    graph_infer(n.g, again);
    n.at = again;
    net_loss(&n);
    check_refused(&n, "E211");
}

// --- AlexNet ------------------------------------------------------------------------------------------

// Bytes of one image and direction by the floats of alexnet's table of exchange.
static void alexnet_exchange_by_item(void **state)
{
    (void)state;
    static const struct { int64_t floats; int copies; } items[] = {
        { 128 * 13 * 13, 2 },          // pool2 -> conv3
        { 128 * 6 * 6,   2 },          // pool5 -> fc6
        { 2048,          3 },          // fc6 -> fc7, and one way fc7 -> fc8
    };
    Net n;
    net_alexnet(&n, FORM_SPLIT, GRAPH_TRAIN, 2);
    run_passes(&n);
    for (int i = 0; i < 3; i++) {
        int forward = 0, backward = 0;
        for (int k = 0; k < n.g->count; k++) {
            const Node *node = n.g->nodes[k];
            if (!op_has(node->op, OP_TRANSFER) || shape_item(node->shape) != items[i].floats)
                continue;
            forward += node->role == ROLE_FORWARD;
            backward += node->role == ROLE_BACKWARD;
        }
        assert_int_equal(forward, items[i].copies);
        assert_int_equal(backward, items[i].copies);
    }
    assert_int_equal(count_copies(&n, ROLE_FORWARD), 7);
    net_close(&n);
}

static int64_t macs_of_image(const Net *n, int device, NodeRole role)
{
    int64_t macs = 0;
    for (int i = 0; i < n->g->count; i++) {
        const Node *node = n->g->nodes[i];
        if (node->device == device && node->role == role && op_table[node->op]->cost)
            macs += op_table[node->op]->cost(node).macs;
    }
    return macs / n->g->batch;
}

static void alexnet_multiply_adds(void **state)
{
    (void)state;
    Net n;
    net_alexnet(&n, FORM_SPLIT, GRAPH_TRAIN, 2);
    run_passes(&n);
    int64_t first = macs_of_image(&n, 0, ROLE_FORWARD), second = macs_of_image(&n, 1, ROLE_FORWARD);
    assert_int_equal(first, 364251408);
    assert_int_equal(second, 360155408);
    int64_t back = macs_of_image(&n, 0, ROLE_BACKWARD) + macs_of_image(&n, 1, ROLE_BACKWARD);
    // Two more products for each, but no input gradient of conv1.
    assert_int_equal(back, 2 * (first + second) - 105415200);
    net_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_compute_the_same_bits_wherever_they_are),
        cmocka_unit_test(a_split_is_its_grouped_net),
        cmocka_unit_test(parts_are_the_same_nodes_wherever_they_are),
        cmocka_unit_test(a_value_is_copied_once_for_all_readers),
        cmocka_unit_test(a_stage_on_another_device),
        cmocka_unit_test(the_own_part_comes_first),
        cmocka_unit_test(groups_and_parts_that_do_not_fit),
        cmocka_unit_test(weights_in_parts_and_whole),
        cmocka_unit_test(alexnet_exchange_by_item),
        cmocka_unit_test(alexnet_multiply_adds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
