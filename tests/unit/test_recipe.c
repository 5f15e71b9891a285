// Expressions evaluated while training, and recipes as text.
#include "recipe/recipe.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NUM(x)     { EXPR_NUMBER, x, NULL, 0 }
#define VAR(x)     { EXPR_VARIABLE, 0, x, 0 }
#define OP(x)      { EXPR_##x, 0, NULL, 0 }
#define CALL(x, n) { EXPR_CALL, 0, x, n }

static bool lookup(void *context, const char *name, double *value)
{
    (void)context;
    if (!strcmp(name, "step"))
        *value = 2500;
    else if (!strcmp(name, "epoch"))
        *value = 23;
    else
        return false;
    return true;
}

static const struct {
    ExprStep    steps[8];
    int         count;
    double      value;
    const char *text;
} rows[] = {
    { { NUM(7) }, 1, 7, "7" },
    { { VAR("epoch"), NUM(23), OP(EQUAL) }, 3, 1, "epoch == 23" },
    { { NUM(1), NUM(2), NUM(3), OP(SUBTRACT), OP(SUBTRACT) }, 5, 2, "1 - (2 - 3)" },
    { { NUM(1), NUM(2), OP(SUBTRACT), NUM(3), OP(SUBTRACT) }, 5, -4, "1 - 2 - 3" },
    { { NUM(2), NUM(3), NUM(2), OP(POWER), OP(POWER) }, 5, 512, "2^3^2" },
    { { NUM(2), NUM(3), OP(POWER), NUM(2), OP(POWER) }, 5, 64, "(2^3)^2" },
    { { NUM(2), OP(NEGATE), NUM(2), OP(POWER) }, 4, 4, "(-2)^2" },
    { { NUM(-2), NUM(2), OP(POWER) }, 3, 4, "(-2)^2" },
    { { NUM(1), NUM(2), OP(ADD), NUM(3), OP(MULTIPLY) }, 5, 9, "(1 + 2) * 3" },
    { { NUM(-7), NUM(2), OP(FLOOR_DIVIDE) }, 3, -4, "-7 // 2" },
    { { NUM(-7), NUM(3), OP(MODULO) }, 3, 2, "-7 % 3" },
    { { VAR("epoch"), NUM(5), OP(MORE), OP(NOT), NUM(1), OP(OR) }, 6, 1, "not epoch > 5 or 1" },
    { { VAR("epoch"), NUM(3), OP(LESS), NUM(1), NUM(2), OP(SELECT) }, 6, 2, "epoch < 3 ? 1 : 2" },
    { { NUM(0.5), NUM(0.1), NUM(1000), CALL("step", 3) }, 4, 0.005, "step(0.5, 0.1, 1000)" },
    { { NUM(0.01), NUM(0.0004), NUM(1), CALL("inv", 3) }, 4, 0.005, "inv(0.01, 0.0004, 1)" },
    { { NUM(3), NUM(1), NUM(2), CALL("min", 3) }, 4, 1, "min(3, 1, 2)" },
};

static char *printed(const Expr *e)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    expr_print(e, out);
    fclose(out);
    return text;
}

static void expressions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Expr e = { (ExprStep *)rows[i].steps, rows[i].count };
        double value = 0;
        char err[160] = "";
        if (!expr_evaluate(&e, lookup, NULL, &value, err))
            fail_msg("%s: %s", rows[i].text, err);
        assert_true(value - rows[i].value < 1e-12 && rows[i].value - value < 1e-12);
        char *text = printed(&e);
        assert_string_equal(text, rows[i].text);
        free(text);
    }
}

static void bad_expressions(void **state)
{
    (void)state;
    static const struct { ExprStep steps[4]; int count; const char *says; } bad[] = {
        { { OP(ADD) }, 1, "not a well-formed expression" },
        { { NUM(1), NUM(2) }, 2, "not a well-formed expression" },
        { { { (ExprCode)99, 0, NULL, 0 } }, 1, "not a well-formed expression" },
        { { VAR("lr") }, 1, "unknown variable `lr`" },
        { { NUM(1), CALL("sine", 1) }, 2, "unknown function `sine`" },
        { { NUM(1), CALL("inv", 1) }, 2, "`inv` is called with 1 arguments" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Expr e = { (ExprStep *)bad[i].steps, bad[i].count };
        double value;
        char err[160] = "";
        assert_false(expr_evaluate(&e, lookup, NULL, &value, err));
        assert_string_equal(err, bad[i].says);
    }
    ExprStep deep[EXPR_DEPTH + 1];
    for (int i = 0; i <= EXPR_DEPTH; i++)
        deep[i] = (ExprStep)NUM(1);
    Expr e = { deep, EXPR_DEPTH + 1 };
    double value;
    char err[160];
    assert_false(expr_evaluate(&e, lookup, NULL, &value, err));
}

static void recipe_as_text(void **state)
{
    (void)state;
    StageArg path = { .name = "path", .kind = ARG_TEXT, .text = "a \"b\"" };
    StageArg size[] = { { .name = "size", .kind = ARG_DIMS, .dims = { 3, 4 }, .dim_count = 2 },
                        { .name = "at", .kind = ARG_WORD, .text = "random" } };
    Stage stages[] = { { .kind = "images", .args = &path, .arg_count = 1 },
                       { .kind = "crop", .args = size, .arg_count = 2 }, { .kind = "grey" } };
    ExprStep rate = NUM(0.01), at[] = { VAR("epoch"), NUM(3), OP(MORE) };
    Setting lr = { .name = "solver.lr", .scope = "solver", .value = { &rate, 1 } };
    Metric top = { .kind = METRIC_TOP, .k = 5, .name = "top5" };
    Action actions[] = { { .kind = ACTION_TEST }, { .kind = ACTION_SAVE, .path = "x", .keep = 3 } };
    Action set = { .kind = ACTION_SET, .setting = 0, .value = { &rate, 1 } };
    Event events[] = {
        { .kind = EVENT_WHEN, .condition = { at, 3 }, .actions = &set, .action_count = 1 },
        { .kind = EVENT_EVERY_STEPS, .period = 10, .actions = actions, .action_count = 2 } };
    Recipe r = { .has_train = true,
                 .data = { .name = "d", .train = { .stages = stages, .count = 3 } },
                 .train = { .net = "n", .data = "d", .batch = 8, .epochs = 2, .metrics = &top,
                            .metric_count = 1, .settings = &lr, .setting_count = 1,
                            .events = events, .event_count = 2 } };
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    recipe_print(&r, out);
    fclose(out);
    assert_string_equal(text,
        "data d {\n"
        "  train = images(path = \"a \\\"b\\\"\") -> crop(size = 3x4, at = random) -> grey\n"
        "}\n"
        "train n on d {\n  batch = 8\n  epochs = 2\n  report = top(5)\n  solver.lr = 0.01\n"
        "  when epoch > 3 { solver.lr = 0.01 }\n"
        "  every 10 steps { test() save(\"x\", keep = 3) }\n"
        "}\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions),
        cmocka_unit_test(bad_expressions),
        cmocka_unit_test(recipe_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
