// The parser on small texts: what is accepted, and where the first complaint points.
#include "front/front.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct { const char *text; int errors; const char *code; int line; } Case;

static const Case cases[] = {
    { "net a : 3x4x4 -> 10 { conv(3, 5) -> relu }", 0, NULL, 0 },
    { "net a : x = 3x4x4, y = 10 -> 5, aux = 2 { fc(5) }", 0, NULL, 0 },
    { "train a on b { every 10 epochs { test() } }", 0, NULL, 0 },
    { "op swish(x, beta = 1) = x / (1 + exp(-(beta * x)))", 0, NULL, 0 },
    { "net b = a with { drop relu1 after pool1 { relu } }", 0, NULL, 0 },
    { "net a : 1 -> 2 {\n  conv(3, 5 -> relu\n}", 1, "E003", 2 },
    { "net a : 1 -> 2 { x => y }", 1, "E004", 1 },
    { "net a : 0x3 -> 2 { fc(2) }", 1, NULL, 1 },
    { "data d {\n train = idx(\"a)\n}", 1, NULL, 2 },
    { "net a : 1 -> 2 {\n fc(2)\nnet b : 1 -> 2 { fc(2) }", 1, "E003", 1 },
};

static void check_case(const Case *c)
{
    jmp_buf exhausted;
    Arena arena;
    Diag diag;
    if (setjmp(exhausted))
        fail_msg("out of memory");
    arena_open(&arena, 0, &exhausted);
    diag_open(&diag, &arena);
    assert_non_null(front_parse_text(&arena, &diag, "t.net", c->text, (int)strlen(c->text)));
    if ((c->errors > 0) != (diag.errors > 0)) {
        diag_print(&diag, stderr, false);
        fail_msg("%s: %d errors", c->text, diag.errors);
    }
    if (c->errors) {
        assert_int_equal(diag_place(&diag, diag.first->at).line, c->line);
        if (c->code)
            assert_string_equal(diag.first->code, c->code);
    }
    arena_close(&arena);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&cases[i]);
}

// Slips at the end of a long body are mended like those at its beginning: what was read before them
// is not read again for each attempt, or the work that all attempts may make would not reach so far.
static void test_slips_far_down(void **state)
{
    (void)state;
    enum { LINES = 30000, SLIPS = 15 };
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    fputs("net a : 1 -> 2 {\n", out);
    for (int i = 0; i < LINES; i++)
        fputs("  relu -> relu\n", out);
    for (int i = 0; i < SLIPS; i++)
        fputs("  conv(8 3)\n", out);
    fputs("}\n", out);
    fclose(out);
    jmp_buf exhausted;
    Arena arena;
    Diag diag;
    if (setjmp(exhausted))
        fail_msg("out of memory");
    arena_open(&arena, 0, &exhausted);
    diag_open(&diag, &arena);
    assert_non_null(front_parse_text(&arena, &diag, "t.net", text, (int)length));
    assert_int_equal(diag.errors, SLIPS);
    for (const Diagnostic *d = diag.first; d; d = d->next)
        assert_non_null(strstr(d->text, "a `,` is missing before"));
    arena_close(&arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_slips_far_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
