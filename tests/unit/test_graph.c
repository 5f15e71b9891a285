// Graphs: names, order, costs, what is printed, and the faults that ops report.
#include "reference/small_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

// --- faults --------------------------------------------------------------------------------------

static const char *code_of(const SmallNet *s)
{
    return s->diag.first ? s->diag.first->code : "none";
}

static void assert_fault(const SmallNet *s, const char *code, const char *text, const char *detail)
{
    assert_string_equal(code_of(s), code);
    assert_string_equal(s->diag.first->text, text);
    if (detail) {
        assert_non_null(s->diag.first->notes);
        assert_string_equal(s->diag.first->notes->text, detail);
    }
    assert_int_equal(s->diag.errors, 1);
}

static void check_large_kernel(SmallNet *s, const void *with)
{
    (void)with;
    assert_null(small_conv(s, small_input(s, 3, 5, 5), 8, 1, small_window(11, 1, 1)));
    assert_fault(s, "E302", "conv1: the kernel of 11x11 is larger than the padded map of 3x5x5",
                 "height: 5 + 1 + 1 - 11 = -4");
}

static void check_large_dilation(SmallNet *s, const void *with)
{
    (void)with;
    Window w = small_window(3, 1, 0);
    w.dilation_w = 4;
    assert_null(small_conv(s, small_input(s, 3, 5, 5), 8, 1, w));
    assert_fault(s, "E302", "conv1: the kernel of 3x3 is larger than the map of 3x5x5",
                 "width: 5 + 0 + 0 - 9 (3 taps, 4 apart) = -4");
}

static void check_groups(SmallNet *s, const void *with)
{
    (void)with;
    assert_null(small_conv(s, small_input(s, 3, 5, 5), 8, 2, small_window(3, 1, 0)));
    assert_fault(s, "E304", "conv1: 3 channels in do not divide into 2 groups", "3 = 2 * 1 + 1");
}

static void check_pool_pad(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.pool.window = small_window(2, 2, 2) };
    assert_null(small_op1(s, OP_MAX_POOL, &attr, small_input(s, 3, 5, 5)));
    assert_fault(s, "E305", "max_pool1: a pad of 2 lets windows of 2x2 see nothing but padding",
                 NULL);
}

static void check_stride(SmallNet *s, const void *with)
{
    (void)with;
    assert_null(small_conv(s, small_input(s, 3, 5, 5), 8, 1, small_window(3, 0, 0)));
    assert_fault(s, "E305", "conv1: a stride must be at least 1, not 0", NULL);
}

static void check_too_large(SmallNet *s, const void *with)
{
    (void)with;
    Node *x = small_input(s, 1 << 10, 1 << 10, 1 << 10);
    Node **many = ARENA_ARRAY(&s->arena, Node *, 1024);
    for (int i = 0; i < 1024; i++)
        many[i] = x;
    assert_null(small_op(s, OP_CONCAT, NULL, 1024, many));
    assert_fault(s, "E306", "concat1: 1 x 1048576 x 1024 x 1024 numbers are more than a tensor can "
                 "hold", NULL);
}

static void check_shared_weights(SmallNet *s, const void *with)
{
    (void)with;
    Node *x = small_input(s, 3, 5, 5), *y = small_conv(s, x, 8, 1, small_window(3, 1, 1));
    Node *in[] = { y, y->in[1] };
    Node *again = graph_add(s->g, OP_CONV, "conv1", NO_SPAN, y->layer, 2, in);
    again->attr = y->attr;
    assert_false(graph_infer(s->g, again));
    assert_fault(s, "E307", "conv1: its weights conv1.weights have filters of 3x3x3; here they must "
                 "be 8x3x3", NULL);
}

// Filters for 3 x 3 places; a map of 4 x 5 has 2 x 3 of them.
static void check_local_weights(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.conv = { 1, small_window(3, 1, 0) } };
    Node *in[] = { small_input(s, 2, 4, 5), small_values(s, "weights", (Shape){ 8, 18, 3, 3 }) };
    assert_null(small_op(s, OP_LOCAL, &attr, 2, in));
    assert_fault(s, "E307", "local2: its weights weights.values have filters of 18x3x3; here they must "
                 "be 12x3x3", NULL);
}

static void check_place_bias(SmallNet *s, const void *with)
{
    (void)with;
    Node *in[] = { small_input(s, 2, 4, 5), small_values(s, "biases", (Shape){ 1, 2, 1, 1 }) };
    assert_null(small_op(s, OP_PLACE_BIAS, NULL, 2, in));
    assert_fault(s, "E307", "place_bias2: its biases biases.values are for maps of 2; here they are "
                 "2x4x5", NULL);
}

static void check_even_lrn(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.lrn = { 4, 2, 1, .75, 1 } };
    assert_null(small_op1(s, OP_LRN, &attr, small_input(s, 3, 5, 5)));
    assert_fault(s, "E310", "lrn1: the size must be odd, not 4: an even window has no middle",
                 NULL);
}

static void check_concat(SmallNet *s, const void *with)
{
    (void)with;
    Node *in[] = { small_input(s, 3, 5, 5), small_input(s, 2, 4, 5) };
    assert_null(small_op(s, OP_CONCAT, NULL, 2, in));
    assert_fault(s, "E312", "concat1: 3x5x5 and 2x4x5 cannot stand side by side: their maps differ",
                 NULL);
}

static void check_add(SmallNet *s, const void *with)
{
    (void)with;
    Node *in[] = { small_input(s, 256, 7, 7), small_input(s, 64, 7, 7) };
    assert_null(small_op(s, OP_ADD, NULL, 2, in));
    assert_fault(s, "E303", "add1: 256x7x7 and 64x7x7 differ", NULL);
}

static void check_slice(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.slice = { INT64_MAX, 2 } };
    assert_null(small_op1(s, OP_SLICE, &attr, small_input(s, 3, 5, 5)));
    assert_string_equal(code_of(s), "E313");
}

static void check_images(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.slice = { 1, 2 } };
    assert_null(small_op1(s, OP_BATCH_SLICE, &attr, small_input(s, 3, 5, 5)));
    assert_fault(s, "E317", "batch_slice1: 2 images from 1 on are not all among 1", NULL);
}

static void check_batch(SmallNet *s, const void *with)
{
    (void)with;
    Node *in[] = { small_input(s, 3, 5, 5), small_input(s, 3, 4, 5) };
    assert_null(small_op(s, OP_BATCH_CONCAT, NULL, 2, in));
    assert_string_equal(code_of(s), "E317");
}

static void check_dropout(SmallNet *s, const void *with)
{
    (void)with;
    Node attr = { .attr.dropout.rate = 1 };
    assert_null(small_op1(s, OP_DROPOUT, &attr, small_input(s, 3, 5, 5)));
    assert_string_equal(code_of(s), "E309");
}

static void check_fc_of_maps(SmallNet *s, const void *with)
{
    (void)with;
    Node *in[] = { small_input(s, 3, 5, 5), small_values(s, "w", (Shape){ 4, 3, 1, 1 }) };
    assert_null(small_op(s, OP_FC, NULL, 2, in));
    assert_fault(s, "E308", "fc2: it takes a vector, not maps of 3x5x5", NULL);
}

static void faults_show_their_arithmetic(void **state)
{
    (void)state;
    void (*const checks[])(SmallNet *, const void *) = {
        check_large_kernel, check_large_dilation, check_groups, check_pool_pad, check_stride,
        check_too_large, check_shared_weights, check_local_weights, check_place_bias,
        check_even_lrn, check_concat, check_add, check_slice, check_images, check_batch,
        check_dropout, check_fc_of_maps,
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        small_net(GRAPH_TRAIN, 1, checks[i], NULL);
}

static void check_calls(SmallNet *s, const void *with)
{
    (void)with;
    Call outer = { "i = 0", { 10, 12 }, NULL }, inner = { "bottleneck", { 20, 30 }, &outer };
    diag_add_source(&s->diag, "a.net", "0123456789012345678901234567890123456789", 40);
    Layer *layer = graph_add_layer(s->g, "lrn", "lrn1", (Span){ 1, 2 }, &inner);
    Node *x = small_input(s, 1, 2, 2);
    Node *n = graph_add(s->g, OP_LRN, "lrn1", layer->at, layer, 1, &x);
    assert_false(graph_infer(s->g, n));
    const DiagNote *note = s->diag.first->notes;
    assert_string_equal(note->text, "in bottleneck, called from here");
    assert_int_equal(note->at.start, 20);
    assert_string_equal(note->next->text, "here, with i = 0");
    assert_null(note->next->next);
}

static void faults_name_the_calls_they_came_by(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_calls, NULL);
}

// --- names, order --------------------------------------------------------------------------------

static void check_names(SmallNet *s, const void *with)
{
    (void)with;
    Node *x = small_input(s, 1, 2, 2);
    const char *const want[] = { "a", "a2", "a3", "a4" };
    for (int i = 0; i < 4; i++)
        assert_string_equal(graph_add1(s->g, OP_RELU, "a", x, x)->name, want[i]);
    assert_string_equal(graph_add1(s->g, OP_RELU, "a3", x, x)->name, "a32");
}

static void names_are_unique(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_names, NULL);
}

static Node *node_at(const SmallNet *s, int i) { return i < s->g->count ? s->g->nodes[i] : NULL; }

// The update stands before a late reader of its parameter, an input behind its user, and one node
// is needed by nobody.
static void check_compact(SmallNet *s, const void *with)
{
    (void)with;
    Node *w = small_values(s, "w", (Shape){ 1, 1, 1, 1 });
    Node *dw = small_op1(s, OP_RELU, NULL, w);
    Node *update = small_op(s, OP_SGD, NULL, 2, (Node *[]){ w, dw });
    Node *unused = small_op1(s, OP_TANH, NULL, w);
    Node *user = small_op1(s, OP_SIGMOID, NULL, dw), *late = small_op1(s, OP_RELU, NULL, w);
    user->in[0] = late;
    s->g->scores = user;
    graph_compact(s->g);
    assert_int_equal(s->g->count, 5);
    Node *const want[] = { w, dw, late, update, user };
    for (int i = 0; i < 5; i++) {
        assert_ptr_equal(node_at(s, i), want[i]);
        assert_int_equal(want[i]->id, i);
    }
    assert_string_equal(unused->name, "tanh4");
}

static void compact_orders_and_drops(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_compact, NULL);
}

// --- cost and text -------------------------------------------------------------------------------

// conv1 and conv2 of AlexNet, fc6: multiply-adds of one image.
static void check_cost(SmallNet *s, const void *with)
{
    (void)with;
    Window first = small_window(11, 4, 0);
    first.round_up = true;
    Node *conv1 = small_conv(s, small_input(s, 3, 224, 224), 96, 1, first);
    Node *conv2 = small_conv(s, small_input(s, 96, 27, 27), 256, 2, small_window(5, 1, 2));
    Node *fc6 = small_fc(s, small_input(s, 256, 6, 6), 4096);
    assert_int_equal(conv1->shape.h, 55);
    assert_int_equal(op_table[OP_CONV]->cost(conv1).macs, 105415200);
    assert_int_equal(op_table[OP_CONV]->cost(conv2).macs, 223948800);
    assert_int_equal(op_table[OP_FC]->cost(fc6).macs, 37748736);
    assert_int_equal(op_table[OP_FC]->cost(fc6).flops, 2 * 37748736);
}

static void costs_count_as_the_paper_does(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 1, check_cost, NULL);
}

static void check_print(SmallNet *s, const void *with)
{
    (void)with;
    Window w = small_window(3, 2, 1);
    w.pad_bottom = 2;
    Node attr = { .attr.lrn = { 5, 2, 1e-4, .75, 2 } };
    small_op1(s, OP_LRN, &attr, small_conv(s, small_input(s, 4, 8, 8), 6, 2, w));
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    graph_print(s->g, out);
    fclose(out);
    assert_string_equal(text,
        "net small: train, batch 5\n"
        "  in            = input : 4x8x8\n"
        "  conv1.weights = param conv1.weights : 6x2x3x3\n"
        "  conv1         = conv(in, conv1.weights) 3x3 stride 2 pad 1,1,2,1 groups 2 : 6x5x4\n"
        "  lrn2          = lrn(conv1) n 5 k 2 alpha 0.0001 beta 0.75 parts 2 : 6x5x4\n");
    free(text);
}

static void graphs_print_one_line_a_node(void **state)
{
    (void)state;
    small_net(GRAPH_TRAIN, 5, check_print, NULL);
}

static void every_op_is_complete(void **state)
{
    (void)state;
    for (int op = 0; op < OP_COUNT; op++) {
        const OpInfo *info = op_table[op];
        assert_non_null(info);
        assert_non_null(info->infer);
        assert_true(info->most_inputs < 0 || info->least_inputs <= info->most_inputs);
        assert_true(info->cost || info->text);
        assert_int_equal((info->traits & OP_POINTWISE) != 0, info->text || info->function);
        assert_int_equal(info->numbers != NULL, info->text && (strstr(info->text, "%a") != NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_complete),
        cmocka_unit_test(faults_show_their_arithmetic),
        cmocka_unit_test(faults_name_the_calls_they_came_by),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(compact_orders_and_drops),
        cmocka_unit_test(costs_count_as_the_paper_does),
        cmocka_unit_test(graphs_print_one_line_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
