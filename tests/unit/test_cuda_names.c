// Texts of the CUDA target hold nothing of the user's: AlexNet under 500 hostile names of layers,
// values, parameters, devices and files gives the bytes that it gives under plain ones.
#include "emit/emit.h"
#include "pass/pass.h"
#include "reference/nets.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const char *const hostile[] = {
    "\"", "\\", "*/", "/*", "//", "?\?/", "\n", "\r", "\t", "\x01", "\x7f", "\xe2\x80\xae", "\xff", "#line 1",
    "#error", "%s%n", "${x}", "`rm`", "';--", "<%", "%:", "\\\n", "asm(\"trap;\");", "}", "R\"(", "\xc3\x28",
};
enum { PIECES = sizeof hostile / sizeof *hostile, NAMES = 500 };

// Some pieces, one after another; the number makes it one of its kind.
static const char *hostile_name(Arena *arena, int number)
{
    return arena_printf(arena, "%s%s%d%s", hostile[number % PIECES], hostile[number * 7 / 3 % PIECES], number,
                        hostile[(number / PIECES + number) % PIECES]);
}

// A first source, which the net's spans lie in: lines are kept, its name is not.
static void add_source(Net *n, const char *path)
{
    static const char text[] = "first\nsecond\nthird\n";
    int start = diag_add_source(&n->diag, path, text, sizeof text - 1);
    for (int i = 0; i < n->g->count; i++)
        n->g->nodes[i]->at = (Span){ start + i % 12, start + i % 12 + 1 };
}

// Gives every node, layer and parameter a name of its own, from `number` on; returns the next.
static int rename_all(Net *n, int number)
{
    Graph *g = n->g;
    for (int i = 0; i < g->count; i++) {
        Node *node = g->nodes[i];
        node->name = hostile_name(g->arena, number++);
        if (node->layer)
            ((Layer *)node->layer)->name = hostile_name(g->arena, number++);
    }
    for (int i = 0; i < g->param_count; i++)
        g->params[i]->name = hostile_name(g->arena, number++);
    for (int i = 0; i < g->device_count; i++)
        g->devices[i] = hostile_name(g->arena, number++);
    return number;
}

// All texts, one after another; free() it. With `number` of 0 or more the names are hostile.
static char *texts_of(const char *target, int number)
{
    Net n;
    char err[PROGRAM_ERROR] = "", *all = NULL;
    size_t size = 0;
    net_alexnet(&n, FORM_SPLIT, GRAPH_TRAIN, 4);
    const Target *t = target_find(target);
    const PassOptions options = { t, true, true, true, 1, NULL };
    static const Recipe recipe;
    if (number >= 0)
        assert_true(rename_all(&n, number) - number >= 60);
    add_source(&n, number >= 0 ? hostile_name(&n.arena, number + NAMES) : "net.net");
    assert_true(pass_run(n.g, &options, NULL));
    const Target *targets[GRAPH_DEVICES];
    for (int d = 0; d < GRAPH_DEVICES; d++)
        targets[d] = t;
    Program *p = emit_program(&n.g, 1, &recipe, targets, NULL, &n.arena, err);
    if (!p)
        fail_msg("%s", err);
    FILE *out = open_memstream(&all, &size);
    assert_non_null(out);
    for (int i = 0; i < p->unit_count; i++)
        fprintf(out, "%s\n%s\n%s\n", p->units[i].name, p->units[i].text, p->kernels[i].symbol);
    fclose(out);
    net_close(&n);
    return all;
}

static void names_leave_no_trace(void **state)
{
    (void)state;
    static const char *const targets[] = { "sm_80", "sm_90a:fp32", "sm_90a:bf16" };
    for (int t = 0; t < 3; t++) {
        char *plain = texts_of(targets[t], -1);
        assert_non_null(strstr(plain, "#line 2 \"source-0.net\""));
        for (int number = 0; number < NAMES; number += 60) {
            char *other = texts_of(targets[t], number);
            assert_string_equal(plain, other);
            free(other);
        }
        free(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_leave_no_trace) };
    return cmocka_run_group_tests_name("cuda_names", tests, NULL, NULL);
}
