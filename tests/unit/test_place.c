// The paper's net through the target-free passes: what is where, and what crosses
// (docs/architecture.md names the source of the figures).
#include "ir/group.h"
#include "pass/pass.h"
#include "reference/nets.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void open_alexnet(Net *n, SplitForm form, GraphMode mode, int batch)
{
    net_alexnet(n, form, mode, batch);
    if (!pass_run(n->g, NULL, NULL)) {
        diag_print(&n->diag, stderr, false);
        fail_msg("the passes failed");
    }
}

static int64_t bytes_crossing(const Graph *g, NodeRole role)
{
    int64_t sum = 0;
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_TRANSFER) && g->nodes[i]->role == role)
            sum += 4 * shape_count(g->nodes[i]->shape);
    return sum;
}

static void test_parameters_of_each_device(void **state)
{
    (void)state;
    Net n;
    open_alexnet(&n, FORM_SPLIT, GRAPH_TRAIN, 2);
    assert_int_equal(net_params_on(n.g, 0), 32531112);
    assert_int_equal(net_params_on(n.g, 1), 28434112);
    net_close(&n);
}

static void test_exchange(void **state)
{
    (void)state;
    Net n;
    open_alexnet(&n, FORM_SPLIT, GRAPH_TRAIN, 4);
    assert_int_equal(bytes_crossing(n.g, ROLE_FORWARD), 4 * 234496);
    assert_int_equal(bytes_crossing(n.g, ROLE_BACKWARD), 4 * 234496);
    net_close(&n);
}

static void test_parts_on_one_device_copy_nothing(void **state)
{
    (void)state;
    Net n;
    open_alexnet(&n, FORM_PARTS, GRAPH_TRAIN, 2);
    assert_int_equal(bytes_crossing(n.g, ROLE_FORWARD), 0);
    assert_int_equal(net_params_on(n.g, 0), 60965224);
    net_close(&n);
}

// All passes, with a target: every storage of a device has its own place at its time.
static void test_whole_pipeline(void **state)
{
    (void)state;
    const PassOptions target = { target_find("avx512"), true, true, true, 1, NULL };
    for (int mode = GRAPH_TRAIN; mode <= GRAPH_TEST; mode++) {
        Net n;
        net_alexnet(&n, FORM_SPLIT, (GraphMode)mode, 4);
        if (!pass_run(n.g, &target, NULL)) {
            diag_print(&n.diag, stderr, false);
            fail_msg("the passes failed");
        }
        assert_true(n.g->command_count > 0 && n.g->value_bytes[1] > 0);
        net_close(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_of_each_device),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_parts_on_one_device_copy_nothing),
        cmocka_unit_test(test_whole_pipeline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
