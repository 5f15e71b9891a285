// Ops that a file defines: the value of every construct of a formula, the text that kernels get, and
// how derivatives read. Gradients of such ops are judged in test_gradients.c, kernels in test_maps.c.
#include "evaluate/evaluate.h"
#include "front/front.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

typedef struct { Arena arena; Diag diag; jmp_buf exhausted; } Front;

// The graph of a net of two inputs whose output is f of both.
static Graph *graph_of(Front *f, const char *op)
{
    if (setjmp(f->exhausted))
        fail_msg("out of memory");
    arena_open(&f->arena, 0, &f->exhausted);
    diag_open(&f->diag, &f->arena);
    const char *text = arena_printf(&f->arena, "let low = 0.25\n"
                                    "op leaky(x, slope = 0.1) = max(x, slope * x)\n"
                                    "op half(x, k = low * 2) = k * x\n%s\n"
                                    "net n : a = 3x4x5, b = 3x4x5 -> out = 3x4x5 { out = a -> f(b) }\n", op);
    AstFile *file = front_parse_text(&f->arena, &f->diag, "t.net", text, (int)strlen(text));
    FrontOptions o = { .batch = 2 };
    Graph *g = front_graph(file, &o, GRAPH_PREDICT, &f->arena, &f->diag);
    if (!g)
        fail_msg("%s: %s", op, f->diag.first ? f->diag.first->text : "no graph");
    return g;
}

// --- values -------------------------------------------------------------------------------------

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

#define FORMULA(name, expression) static double name(double x, double y) { return expression; }
FORMULA(f0, x - y * 2)
FORMULA(f1, x / sqrt(1 + y * y) + -x)
FORMULA(f2, x * x * x - pow(fabs(y), 1.5))
FORMULA(f3, pow(fabs(x) + 1, y))
FORMULA(f4, fmax(x, fmin(y, 0.5)) + fabs(x) * exp(-y * y))
FORMULA(f5, x > y ? x : log(1 + fabs(y)))
FORMULA(f6, x > 0 && y > 0 ? 1 : x < -1 || y < -1 ? 2 : 3)
FORMULA(f7, x * (y > 0) + (x <= y))
FORMULA(f8, sigmoid(x) * tanh(y) + fmax(0, x))
FORMULA(f9, fmax(x, 0.1 * x) + fmax(y, 0.3 * y) + y / 2)
FORMULA(f10, x / (1 + exp(-2 * y)))
FORMULA(f11, !(x > y) ? x : y)
FORMULA(f12, floor(7.0 / 2) * x + y * (7 % 4))
FORMULA(f13, y / (1 + x * x) - 1 / pow(2 + y * y, 3))
FORMULA(f14, x == x ? x : y)
FORMULA(f15, x != 0 ? y : x)

static const struct { const char *op; double (*value)(double x, double y); } rows[] = {
    { "op f(x, y) = x - y * 2", f0 },
    { "op f(x, y) = x / sqrt(1 + y ^ 2) + -x", f1 },
    { "op f(x, y) = x ^ 3 - abs(y) ^ 1.5", f2 },
    { "op f(x, y) = (abs(x) + 1) ^ y", f3 },
    { "op f(x, y, top = 0.5) = max(x, min(y, top)) + abs(x) * exp(-y ^ 2)", f4 },
    { "op f(x, y) = x > y ? x : log(1 + abs(y))", f5 },
    { "op f(x, y) = x > 0 and y > 0 ? 1 : x < -1 or y < -1 ? 2 : 3", f6 },
    { "op f(x, y) = x * (y > 0) + (x <= y)", f7 },
    { "op f(x, y) = sigmoid(x) * tanh(y) + relu(x)", f8 },
    { "op f(x, y) = leaky(x) + leaky(y, slope = 0.3) + half(y)", f9 },
    { "op f(x, y, beta = 2) = x / (1 + exp(-beta * y))", f10 },
    { "op f(x, y) = not (x > y) ? x : y", f11 },
    { "op f(x, y, n = 7) = floor(n / 2) * x + y * (n % 4)", f12 },
    { "op f(x, y) = y / (1 + x * x) - (2 + y ^ 2) ^ -3", f13 },
    { "op f(x, y) = x == x ? x : y", f14 },
    { "op f(x, y) = x ? y : x", f15 },
};

static void formulas_have_their_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        Front f;
        Graph *g = graph_of(&f, rows[k].op);
        Evaluator *e = evaluator_open(&f.arena, g);
        evaluator_fill(e, k + 1);
        e->input[0][7] = 0;
        evaluator_run(e);
        const Node *out = g->outputs[0].node;
        assert_string_equal(out->name, "f1");
        assert_string_equal(out->layer->kind, "f");
        assert_string_equal(node_kind(out), "f");
        for (int64_t i = 0; i < shape_count(out->shape); i++) {
            double want = rows[k].value(e->input[0][i], e->input[1][i]), got = e->value[out->id][i];
            if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
                fail_msg("%s of %g, %g is %g, not %g", rows[k].op, e->input[0][i], e->input[1][i], got, want);
        }
        arena_close(&f.arena);
    }
}

// --- texts --------------------------------------------------------------------------------------

static const struct { const char *op, *text, *dx, *dx2; } texts[] = {
    { "op f(x, y) = x * y", "%0 * %1", "%0 * %1", "%0 * %1" },
    { "op f(x, y) = x - (y - 1)", "%0 - (%1 - R1)", "%0", "-%0" },
    { "op f(x, y) = max(x, 0) + y ^ 4", "%1 * %1; r_max(R0, %0) + %t0 * %t0",
      "%0 * r_select(R0 < %1, R1, R0)", NULL },
    { "op f(x, y) = (x < y) * 3 + x - x + y", NULL, "R0", "%0" },
    // What overflows behind a condition is not multiplied by 0.
    { "op f(x, y) = x > 0 ? x : exp(x) * y", "r_select(R0 < %0, %0, r_exp(%0) * %1)",
      "%0 * r_select(R0 < %1, R1, r_exp(%1) * %2)", "%0 * r_select(R0 < %1, R0, r_exp(%1))" },
    { "op f(x, y) = y / (exp(-x) + 1)", "%1 * (R1 / (R1 + r_exp(-%0)))", NULL,
      "%0 * (R1 / (R1 + r_exp(-%1)))" },
    { "op f(x, y) = tanh(x) + log(y)", "r_tanh(%0) + r_log(%1)",
      "r_tanh(%1); %0 * (R1 - %t0 * %t0)", "%0 * (R1 / %1)" },
};

static void kernels_get_short_texts(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        Front f;
        Graph *g = graph_of(&f, texts[k].op);
        int which[ELEMENTWISE_INPUTS + 1];
        const Elementwise *own = g->outputs[0].node->attr.elementwise.function;
        if (texts[k].text)
            assert_string_equal(own->text, texts[k].text);
        if (texts[k].dx)
            assert_string_equal(elementwise_derivative(own, 0, which)->text, texts[k].dx);
        if (texts[k].dx2)
            assert_string_equal(elementwise_derivative(own, 1, which)->text, texts[k].dx2);
        arena_close(&f.arena);
    }
}

// The derivative reads, and so keeps in memory, no more than it needs.
static void a_derivative_reads_what_it_needs(void **state)
{
    (void)state;
    int which[ELEMENTWISE_INPUTS + 1];
    Front f;
    Graph *g = graph_of(&f, "op f(x, y) = x * 3 + tanh(y)");
    const Elementwise *own = g->outputs[0].node->attr.elementwise.function;
    assert_int_equal(elementwise_derivative(own, 0, which)->inputs, 1);
    assert_int_equal(which[0], 0);
    assert_int_equal(elementwise_derivative(own, 1, which)->inputs, 2);
    assert_int_equal(which[1], 2);
    arena_close(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_have_their_values),
        cmocka_unit_test(kernels_get_short_texts),
        cmocka_unit_test(a_derivative_reads_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
