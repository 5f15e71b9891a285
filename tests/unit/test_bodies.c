// The passes and the bodies agree: whatever contraction of AlexNet the passes lay out and fuse, split,
// in parts or grouped, is taken by a tile body and never by a fallback, on every instruction set.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "emit/kernel.h"
#include "pass/pass.h"
#include "reference/nets.h"
#include <string.h>

static bool is_contraction(Pattern p)
{
    return p == PATTERN_CONTRACTION || p == PATTERN_WEIGHTS || p == PATTERN_FC_WEIGHTS
           || p == PATTERN_FC_UPDATE;
}

static void check_form(const char *target, SplitForm form, bool fuse_update)
{
    Net n;
    net_alexnet(&n, form, GRAPH_TRAIN, 4);
    const Target *t = target_find(target);
    PassOptions to = { .target = t, .fuse = true, .fuse_update = fuse_update, .reuse_memory = true };
    assert_true(pass_run(n.g, &to, NULL));
    Emit e = { .arena = &n.arena, .target = t, .graph = n.g };
    int taken = 0;
    for (int i = 0; i < n.g->group_count; i++) {
        Group *g = n.g->groups[i];
        if (!is_contraction(g->pattern) && g->root->op != OP_FLIP)
            continue;
        const Body *b = body_for(&e, g);
        if (!b || strstr(b->name, "_any"))
            fail_msg("%s: '%s' is left to %s", target, g->root->name, b ? b->name : "nobody");
        taken++;
    }
    // Forward, weight gradient and (but for conv1) input gradient of eight layers, four flips.
    assert_true(taken >= 8 + 8 + 7 + 4);
    net_close(&n);
}

static void on_all_targets(SplitForm form, bool fuse_update)
{
    static const char *const targets[] = { "avx512", "avx2", "sse2", "neon" };
    for (int i = 0; i < 4; i++)
        check_form(targets[i], form, fuse_update);
}

static void split_alexnet_is_tiled(void **state)
{
    (void)state;
    on_all_targets(FORM_SPLIT, true);
}
static void alexnet_in_parts_is_tiled(void **state)
{
    (void)state;
    on_all_targets(FORM_PARTS, false);
}
static void grouped_alexnet_is_tiled(void **state)
{
    (void)state;
    on_all_targets(FORM_GROUPED, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_alexnet_is_tiled),
        cmocka_unit_test(alexnet_in_parts_is_tiled),
        cmocka_unit_test(grouped_alexnet_is_tiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
