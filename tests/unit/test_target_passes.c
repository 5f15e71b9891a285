// The passes with a target, on graphs built by hand: layouts and halos, groups, order, memory.
#include "ir/group.h"
#include "pass/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static PassOptions target = { NULL, true, true, true, 1, NULL };   // avx512: set by open_fixture

typedef struct {
    Arena   arena;
    jmp_buf exhausted;
    Diag    diag;
    Graph  *g;
} Fixture;

static int open_fixture(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    if (!f || setjmp(f->exhausted))
        return -1;
    arena_open(&f->arena, 0, &f->exhausted);
    diag_open(&f->diag, &f->arena);
    f->g = graph_new(&f->arena, &f->diag, "net", GRAPH_PREDICT, 8);
    graph_device(f->g, "device0");
    target.target = target_find("avx512");
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    Fixture *f = *state;
    arena_close(&f->arena);
    free(f);
    return 0;
}

static Node *add(Graph *g, Op op, const char *name, int inputs, Node *const *in)
{
    Layer *layer = graph_add_layer(g, name, name, NO_SPAN, NULL);
    Node *n = graph_add(g, op, name, NO_SPAN, layer, inputs, in);
    n->device = 0;
    return n;
}

static Node *input(Graph *g, Shape s)
{
    Node *n = add(g, OP_INPUT, "image", 0, NULL);
    n->shape = s;
    assert_true(graph_infer(g, n));
    return n;
}

static Node *parameter(Graph *g, const char *what, bool is_bias, Shape s)
{
    Layer *layer = graph_add_layer(g, what, what, NO_SPAN, NULL);
    Node *n = graph_add(g, OP_PARAM, what, NO_SPAN, layer, 0, NULL);
    n->device = 0;
    n->attr.param.param = graph_add_param(g, layer, what, is_bias, s);
    n->shape = s;
    assert_true(graph_infer(g, n));
    return n;
}

static Node *conv(Graph *g, Node *x, int maps, int kernel, int pad)
{
    Node *w = parameter(g, "weights", false, (Shape){ maps, x->shape.c, kernel, kernel });
    Node *n = add(g, OP_CONV, "conv", 2, (Node *[]){ x, w });
    n->attr.conv = (ConvAttr){ 1, { kernel, kernel, 1, 1, 1, 1, pad, pad, pad, pad, false } };
    assert_true(graph_infer(g, n));
    Node *b = parameter(g, "biases", true, (Shape){ 1, maps, 1, 1 });
    n = add(g, OP_BIAS, "bias", 2, (Node *[]){ n, b });
    assert_true(graph_infer(g, n));
    return n;
}

static Node *unary(Graph *g, Op op, Node *x)
{
    Node *n = add(g, op, op_table[op]->name, 1, &x);
    if (op == OP_LRN)
        n->attr.lrn = (LrnAttr){ 5, 2, 1e-4, 0.75, 1 };
    if (op == OP_MAX_POOL)
        n->attr.pool.window = (Window){ 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, false };
    assert_true(graph_infer(g, n));
    return n;
}

static void finish(Graph *g, Node *output)
{
    Port *port = arena_alloc(g->arena, sizeof *port);
    *port = (Port){ "output", output->shape, output, NO_SPAN };
    g->outputs = port;
    g->output_count = 1;
    assert_true(pass_layout(g, &target) && pass_fuse(g, &target) && pass_schedule(g, &target) &&
                pass_memory(g, &target));
}

// conv, bias and relu are one kernel, lrn and pool another; the two go image by image.
static void test_groups_of_a_convolution(void **state)
{
    Graph *g = ((Fixture *)*state)->g;
    Node *c = conv(g, input(g, (Shape){ 8, 3, 20, 20 }), 24, 5, 2);
    Node *r = unary(g, OP_RELU, c), *l = unary(g, OP_LRN, r), *p = unary(g, OP_MAX_POOL, l);
    Node *c2 = conv(g, p, 16, 3, 1);
    finish(g, c2);
    assert_int_equal(g->group_count, 3);
    assert_ptr_equal(c->group, r->group);
    assert_ptr_equal(l->group, p->group);
    assert_int_equal(p->group->pattern, PATTERN_LRN_POOL);
    assert_int_equal(g->command_count, 1);
    assert_int_equal(g->commands[0].kind, GROUPS_CHAIN);
    assert_null(l->storage);                     // never stored
    assert_null(c->storage);
    assert_non_null(r->storage);
}

// The pooled map is stored with the zeros that the next convolution reads around it.
static void test_halos(void **state)
{
    Graph *g = ((Fixture *)*state)->g;
    Node *x = input(g, (Shape){ 8, 3, 20, 20 });
    Node *p = unary(g, OP_MAX_POOL, unary(g, OP_RELU, conv(g, x, 32, 5, 2)));
    finish(g, conv(g, p, 16, 3, 1));
    assert_int_equal(x->layout.kind, LAYOUT_PLAIN);
    assert_int_equal(x->layout.top, 2);
    assert_int_equal(p->layout.kind, LAYOUT_BLOCKED);
    assert_int_equal(p->layout.top, 1);
    assert_int_equal(p->layout.right, 1);
    assert_true(p->storage->needs_zero && p->storage->pinned);
}

// A concatenation of whole convolutions moves nothing: both write into its storage.
static void test_concat_in_place(void **state)
{
    Graph *g = ((Fixture *)*state)->g;
    Node *x = input(g, (Shape){ 8, 32, 9, 9 });
    Node *a = conv(g, x, 24, 1, 0), *b = conv(g, x, 16, 1, 0);
    Node *both = add(g, OP_CONCAT, "concat", 2, (Node *[]){ a, b });
    assert_true(graph_infer(g, both));
    finish(g, conv(g, both, 8, 3, 1));
    assert_ptr_equal(a->view, both);
    assert_ptr_equal(b->view, both);
    assert_int_equal(a->view_offset, 0);
    assert_int_equal(b->view_offset, 2 * 11 * 11 * 16);      // behind two blocks of maps with halo
    assert_int_equal(b->layout.item_stride, 3 * 11 * 11 * 16);
    assert_int_equal(both->layout.pieces.count, 2);
    assert_null(both->group);
}

// Storages that live at the same time never share bytes or lack a guard, and those that do know it: what
// is not shared can be read when the sequence has ended. The widths are such that the fourth storage ends
// where the second begins.
static void test_memory(void **state)
{
    static const int widths[] = { 256, 128, 64, 64, 64, 64 };
    Graph *g = ((Fixture *)*state)->g;
    g->batch = 16;
    Node *n = unary(g, OP_FLATTEN, input(g, (Shape){ 16, 64, 8, 8 }));
    for (int i = 0; i < 6; i++) {
        Node *w = parameter(g, "weights", false, (Shape){ widths[i], n->shape.c, 1, 1 });
        n = add(g, OP_FC, "fc", 2, (Node *[]){ n, w });
        assert_true(graph_infer(g, n));
    }
    finish(g, n);
    bool shared = false, touching = false;
    for (int i = 0; i < g->storage_count; i++)
        for (int k = 0; k < i; k++) {
            const Storage *a = g->storages[i], *b = g->storages[k];
            bool together = a->born <= b->dies && b->born <= a->dies;
            bool apart = a->offset + a->bytes + 64 <= b->offset || b->offset + b->bytes + 64 <= a->offset;
            assert_true(!together || apart);
            assert_true(apart || (a->shared && b->shared));
            shared = shared || !apart;
            touching = touching || a->offset + a->bytes == b->offset || b->offset + b->bytes == a->offset;
        }
    assert_true(shared && touching);
}

// As many outputs as there are features of a map: they are no pixels.
static void test_outputs_are_no_pixels(void **state)
{
    Graph *g = ((Fixture *)*state)->g;
    target.target = target_find("sm_80");
    Node *flat = unary(g, OP_FLATTEN, conv(g, input(g, (Shape){ 8, 5, 4, 3 }), 1, 3, 1));
    Node *w = parameter(g, "weights", false, (Shape){ 12, flat->shape.c, 1, 1 });
    Node *n = add(g, OP_FC, "fc", 2, (Node *[]){ flat, w });
    assert_true(graph_infer(g, n));
    finish(g, n);
    assert_int_equal(flat->layout.in_h * flat->layout.in_w, 12);
    assert_int_equal(n->layout.in_h * n->layout.in_w, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_groups_of_a_convolution, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_halos, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_concat_in_place, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_memory, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_outputs_are_no_pixels, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
