// The nets of nets/ against published counts: parameters, multiply-adds, shapes, what a split is
// equal to. The figures are those of docs/nets.md.
#include "front/front.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

typedef struct {
    Arena   arena;
    jmp_buf exhausted;
    Diag    diag;
    AstFile *file;
} Front;

static void open_front(Front *f)
{
    arena_open(&f->arena, 0, &f->exhausted);
    if (setjmp(f->exhausted))
        fail_msg("out of memory");
    diag_open(&f->diag, &f->arena);
}

static Graph *graph_of(Front *f, const char *path, const FrontOptions *o, GraphMode mode)
{
    f->file = front_parse(&f->arena, &f->diag, path);
    assert_non_null(f->file);
    Graph *g = front_graph(f->file, o, mode, &f->arena, &f->diag);
    if (!g)
        diag_print(&f->diag, stderr, false);
    assert_non_null(g);
    return g;
}

static int64_t parameters_of(const Graph *g)
{
    int64_t sum = 0;
    for (int i = 0; i < g->param_count; i++)
        sum += shape_count(g->params[i]->shape);
    return sum;
}

static int64_t macs_of(const Graph *g)
{
    int64_t sum = 0;
    for (int i = 0; i < g->count; i++)
        if (op_table[g->nodes[i]->op]->cost)
            sum += op_table[g->nodes[i]->op]->cost(g->nodes[i]).macs;
    return sum;
}

static const struct { const char *path; int64_t parameters, macs; } counts[] = {
    { "nets/alexnet.net", 60965224, 724406816 },
    { "nets/alexnet2012.net", 60965224, 724406816 },
    { "nets/alexnet_caffe.net", 60965224, 724406816 },
    { "nets/alexnet_owt.net", 61100840, 714188480 },
    { "nets/digits.net", 160554, 1035520 },
    { "nets/lenet.net", 431080, 2293000 },
    { "nets/vgg16.net", 138357544, 15470264320 },
    { "nets/cifar_quick.net", 145578, 12354176 },
    { "nets/cifar_18pct.net", 89578, 12298240 },
    { "nets/cifar_19pct.net", 89578, 12298240 },
    { "nets/cifar_13pct.net", 1116490, 18517248 },
    { "nets/cifar_11pct.net", 2112970, 19512576 },
};

static void counts_are_those_published(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        Front f;
        open_front(&f);
        FrontOptions o = { .batch = 2 };             // that of a replicate over two devices
        Graph *g = graph_of(&f, counts[i].path, &o, GRAPH_TRAIN);
        assert_int_equal(parameters_of(g), counts[i].parameters);
        assert_int_equal(macs_of(g), 2 * counts[i].macs);
        assert_non_null(g->loss);
        arena_close(&f.arena);
    }
}

static void recipes_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const char *path = counts[i].path;
        Front f;
        Recipe r;
        open_front(&f);
        f.file = front_parse(&f.arena, &f.diag, path);
        FrontOptions o = { .seed = 1 };
        assert_true(front_check(f.file, &o, &f.arena, &f.diag));
        assert_true(front_recipe(f.file, &o, &f.arena, &f.diag, &r));
        assert_int_equal(f.diag.warnings, 0);
        assert_true(r.has_train);
        assert_true(r.data.train.count > 0);
        arena_close(&f.arena);
    }
}

static const Node *node_called(const Graph *g, const char *name)
{
    for (int i = 0; i < g->count; i++)
        if (!strcmp(g->nodes[i]->name, name))
            return g->nodes[i];
    fail_msg("no node %s", name);
    return NULL;
}

// Consumers of a local tensor are grouped; those of a whole one are not; lrn is per part.
static void a_split_is_a_grouped_net(void **state)
{
    (void)state;
    static const struct { const char *conv; int groups; } convs[] = {
        { "conv1", 1 }, { "conv2", 2 }, { "conv3", 1 }, { "conv4", 2 }, { "conv5", 2 },
        { "fc1", 1 }, { "fc2", 1 }, { "fc3", 1 },
    };
    Front f;
    open_front(&f);
    FrontOptions o = { .batch = 4 };
    Graph *g = graph_of(&f, "nets/alexnet.net", &o, GRAPH_TRAIN);
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++)
        assert_int_equal(node_called(g, convs[i].conv)->attr.conv.groups, convs[i].groups);
    assert_int_equal(node_called(g, "lrn1")->attr.lrn.parts, 2);
    assert_int_equal(node_called(g, "conv1")->split->parts, 2);
    assert_null(node_called(g, "fc3")->split);
    assert_int_equal(g->device_count, 2);
    assert_int_equal(g->metric_count, 2);
    arena_close(&f.arena);
}

static const Param *param_called(const Graph *g, const char *name)
{
    for (int i = 0; i < g->param_count; i++)
        if (!strcmp(g->params[i]->name, name))
            return g->params[i];
    fail_msg("no parameter %s", name);
    return NULL;
}

// The net of 2012 in the order of its stages, with what it changes; all else is the paper's.
static void the_net_of_2012_is_the_paper_s_with_edits(void **state)
{
    (void)state;
    static const struct { const char *name, *reads; int c, h; } stages[] = {
        { "lrn1", "conv1.bias", 96, 55 },  { "pool1", "lrn1", 96, 27 },        { "relu8", "pool1", 96, 27 },
        { "conv2", "relu8", 256, 27 },     { "lrn2", "relu2", 256, 27 },       { "lrn3", "lrn2", 256, 27 },
        { "pool2", "lrn3", 256, 13 },      { "conv3", "all1", 384, 13 },       { "conv4", "relu3", 384, 13 },
        { "conv5", "relu4", 256, 13 },     { "pool3", "conv5.bias", 256, 6 },  { "relu9", "pool3", 256, 6 },
        { "all2", "relu9", 256, 6 },       { "fc1", "fc1.flatten", 4096, 1 },  { "fc3", "join", 1000, 1 },
    };
    static const struct { const char *name; double std; } inits[] = {
        { "conv1.weights", 0.01 }, { "conv2.weights", 0.01 }, { "conv3.weights", 0.03 },
        { "conv4.weights", 0.03 }, { "conv5.weights", 0.03 }, { "fc1.weights", 0.01 },
    };
    Front f;
    open_front(&f);
    FrontOptions o = { .batch = 1 };
    Graph *g = graph_of(&f, "nets/alexnet2012.net", &o, GRAPH_TRAIN);
    assert_string_equal(g->name, "alexnet2012");
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        const Node *n = node_called(g, stages[i].name);
        assert_string_equal(n->in[0]->name, stages[i].reads);
        assert_int_equal(n->shape.c, stages[i].c);
        assert_int_equal(n->shape.h, stages[i].h);
    }
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++)
        assert_true(param_called(g, inits[i].name)->init.value == inits[i].std);
    assert_true(node_called(g, "lrn1")->attr.lrn.alpha == 1e-4 / 5);
    assert_int_equal(node_called(g, "lrn3")->attr.lrn.parts, 2);
    assert_int_equal(node_called(g, "conv4")->attr.conv.groups, 2);
    arena_close(&f.arena);
}

static void the_softmax_is_folded_while_training(void **state)
{
    (void)state;
    for (int mode = GRAPH_TRAIN; mode <= GRAPH_PREDICT; mode++) {
        Front f;
        open_front(&f);
        FrontOptions o = { .batch = 2 };
        Graph *g = graph_of(&f, "nets/lenet.net", &o, (GraphMode)mode);
        assert_string_equal(g->scores->name, "fc2.bias");
        assert_true((g->outputs[0].node == g->scores) == (mode == GRAPH_TRAIN));
        assert_true((g->label == NULL) == (mode == GRAPH_PREDICT));
        arena_close(&f.arena);
    }
}

static void the_command_line_overrides(void **state)
{
    (void)state;
    static const Override over[] = { { "classes", "10" }, { "solver.lr", "0.5" }, { "epochs", "3" },
                                     { "fc3.init", "gaussian(0.25)" } };
    Front f;
    Recipe r;
    open_front(&f);
    FrontOptions o = { .batch = 8, .overrides = over, .override_count = 4 };
    Graph *g = graph_of(&f, "nets/vgg16.net", &o, GRAPH_TEST);
    assert_int_equal(g->batch, 8);
    assert_int_equal(g->outputs[0].shape.c, 10);
    const Param *last = g->params[g->param_count - 2];
    assert_string_equal(last->name, "fc3.weights");
    assert_true(last->init.kind == INIT_GAUSSIAN && last->init.value == 0.25);
    f.diag = (Diag){ .arena = &f.arena, .sources = f.diag.sources, .source_count = f.diag.source_count,
                     .source_capacity = f.diag.source_capacity };
    bool fine = front_recipe(f.file, &o, &f.arena, &f.diag, &r);
    if (!fine)
        diag_print(&f.diag, stderr, false);
    assert_true(fine);
    assert_int_equal(r.train.batch, 8);
    assert_int_equal(r.train.epochs, 3);
    arena_close(&f.arena);
}

static void an_override_that_nothing_takes_is_an_error(void **state)
{
    (void)state;
    static const Override wrong[] = { { "clases", "10" }, { "conv99.init", "he" }, { "solver.lt", "1" } };
    for (int i = 0; i < 3; i++) {
        Front f;
        Recipe r;
        open_front(&f);
        FrontOptions o = { .overrides = &wrong[i], .override_count = 1 };
        f.file = front_parse(&f.arena, &f.diag, "nets/vgg16.net");
        bool graph = front_graph(f.file, &o, GRAPH_TEST, &f.arena, &f.diag) != NULL;
        bool recipe = front_recipe(f.file, &o, &f.arena, &f.diag, &r);
        assert_false(graph && recipe);
        assert_int_equal(f.diag.errors > 0, 1);
        arena_close(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_published),
        cmocka_unit_test(recipes_are_read),
        cmocka_unit_test(a_split_is_a_grouped_net),
        cmocka_unit_test(the_net_of_2012_is_the_paper_s_with_edits),
        cmocka_unit_test(the_softmax_is_folded_while_training),
        cmocka_unit_test(the_command_line_overrides),
        cmocka_unit_test(an_override_that_nothing_takes_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
