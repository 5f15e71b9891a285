// The arena, names, text and diagnostics.
#include "base/arena.h"
#include "base/diag.h"
#include "base/names.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

// Runs a test with an arena of its own that must not run out.
static void with_arena(void (*test)(Arena *a))
{
    jmp_buf gone;
    Arena a;
    assert_int_equal(setjmp(gone), 0);
    arena_open(&a, 0, &gone);
    test(&a);
    arena_close(&a);
}

static void give_memory(Arena *a)
{
    for (size_t size = 0; size < 200000; size = size * 3 + 1) {
        char *p = arena_alloc(a, size);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    assert_string_equal(arena_printf(a, "%s-%d", "conv", 12), "conv-12");
    assert_string_equal(arena_copy(a, "conv1.init", 5), "conv1");
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    with_arena(give_memory);
}

static void arena_jumps_when_exhausted(void **state)
{
    (void)state;
    jmp_buf gone;
    Arena a;
    volatile int taken = 0;
    if (setjmp(gone) == 0) {
        arena_open(&a, 10000, &gone);
        for (;; taken = taken + 1)
            arena_alloc(&a, 100);
    }
    assert_in_range(taken, 80, 100);
    arena_close(&a);
    if (setjmp(gone) == 0) {
        arena_open(&a, 0, &gone);
        arena_array(&a, SIZE_MAX / 2, 4);
        fail_msg("an array of %zu x 4 bytes was given", SIZE_MAX / 2);
    }
    arena_close(&a);
}

static void keep_names(Arena *a)
{
    Names n;
    int values[500];
    names_open(&n, a);
    assert_null(names_find(&n, "conv1"));
    for (int i = 0; i < 500; i++)
        names_put(&n, arena_printf(a, "conv%d", i), &values[i]);
    names_put(&n, "conv7", &values[0]);
    assert_int_equal(n.count, 500);
    assert_ptr_equal(names_find(&n, "conv7"), &values[0]);
    assert_ptr_equal(names_find(&n, "conv499"), &values[499]);
    assert_null(names_find(&n, "conv500"));
    assert_string_equal(n.entries[12].name, "conv12");
}

static void names_keep_order_and_replace(void **state)
{
    (void)state;
    with_arena(keep_names);
}

static void nearest_word(void **state)
{
    (void)state;
    static const char *words[] = { "conv", "pool", "relu", "stride", "filters", "in" };
    static const struct { const char *word, *nearest; } rows[] = {
        { "pol", "pool" }, { "rleu", "relu" }, { "strid", "stride" }, { "filtrs", "filters" },
        { "banana", NULL }, { "x", NULL }, { "", NULL }, { "convolution", NULL }, { "cnov", "conv" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *found = text_nearest(rows[i].word, words, 6);
        if (rows[i].nearest)
            assert_string_equal(found, rows[i].nearest);
        else
            assert_null(found);
    }
}

// What a printing function leaves, as a string to be freed.
static char *printed_safe(const char *text, int length)
{
    char *made = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&made, &size);
    text_print_safe(out, text, length);
    fclose(out);
    return made;
}

static void hostile_bytes_are_made_visible(void **state)
{
    (void)state;
    static const struct { const char *from; int length; const char *to; } rows[] = {
        { "a\tb", 3, "a b" }, { "\033[31m", 5, "\\x1b[31m" }, { "caf\xc3\xa9", 5, "caf\xc3\xa9" },
        { "\xff\xc3", 2, "\\xff\\xc3" }, { "\xe2\x80\xae", 3, "\\u{202e}" }, { "\xc0\x80", 2, "\\xc0\\x80" },
        { "a\0b", 3, "a\\x00b" }, { "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" }, { "\xc2\x9b", 2, "\\x9b" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *made = printed_safe(rows[i].from, rows[i].length);
        assert_string_equal(made, rows[i].to);
        free(made);
    }
    assert_int_equal(text_columns_safe("\xc3\xa9\xff", 3), 5);
    char symbol[8];
    text_symbol(symbol, sizeof symbol, "a*/b-c.d_e");
    assert_string_equal(symbol, "a__b-c.");
}

static char *printed_diag(const Diag *d, bool json)
{
    char *made = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&made, &size);
    if (json)
        diag_print_json(d, out);
    else
        diag_print(d, out, false);
    fclose(out);
    return made;
}

static void print_diagnostics(Arena *a)
{
    Diag d;
    diag_open(&d, a);
    diag_add_source(&d, "a.net", "first\n", 6);
    int at = diag_add_source(&d, "b.net", "net x\n\tpol(2) -> fc", 19);
    diag_error(&d, (Span){ at + 7, at + 10 }, "E104", "unknown operation `%s`", "pol");
    diag_note(&d, (Span){ 0, 5 }, "it starts here");
    diag_detail(&d, "54 = floor(54)");
    diag_fix(&d, (Span){ at + 7, at + 10 }, "pool");
    diag_error(&d, (Span){ at + 7, at + 10 }, "E002", "a cascade");
    diag_note(&d, (Span){ 0, 5 }, "lost with it");
    char *made = printed_diag(&d, false);
    assert_string_equal(made,
        "b.net:2:2: error[E104]: unknown operation `pol`\n"
        "    2 |  pol(2) -> fc\n"
        "      |  ^^^\n"
        "a.net:1:1: note: it starts here\n"
        "      = 54 = floor(54)\n"
        "   help: pool(2) -> fc\n");
    free(made);
    made = printed_diag(&d, true);
    assert_string_equal(made,
        "{\"errors\": 1, \"warnings\": 0, \"diagnostics\": [\n"
        "  {\"kind\": \"error\", \"code\": \"E104\", \"path\": \"b.net\", \"line\": 2, \"column\": 2, "
        "\"end_line\": 2, \"end_column\": 5, \"text\": \"unknown operation `pol`\", \"notes\": "
        "[{\"path\": \"a.net\", \"line\": 1, \"column\": 1, \"end_line\": 1, \"end_column\": 6, "
        "\"text\": \"it starts here\"}, {\"text\": \"54 = floor(54)\"}], \"fix\": {\"path\": \"b.net\", "
        "\"line\": 2, \"column\": 2, \"end_line\": 2, \"end_column\": 5, \"text\": \"pool\"}}\n]}\n");
    free(made);
}

static void diagnostics_print(void **state)
{
    (void)state;
    with_arena(print_diagnostics);
}

static void count_errors(Arena *a)
{
    Diag d;
    diag_open(&d, a);
    diag_add_source(&d, "a.net", "0123456789012345678901234567890", 31);
    for (int i = 0; i < 25; i++)
        assert_false(diag_error(&d, (Span){ i, i + 1 }, "E002", "no"));
    assert_int_equal(d.errors, 25);
    char *made = printed_diag(&d, false);
    assert_non_null(strstr(made, "\nand 5 more errors\n"));
    assert_null(strstr(made, ":1:21:"));
    free(made);
}

static void errors_are_counted_beyond_the_most(void **state)
{
    (void)state;
    with_arena(count_errors);
}

static void codes_are_explained(void **state)
{
    (void)state;
    assert_non_null(strstr(diag_explain("E104"), "did you mean `pool`?"));
    assert_null(diag_explain("E000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_zeroed_aligned_memory),
        cmocka_unit_test(arena_jumps_when_exhausted),
        cmocka_unit_test(names_keep_order_and_replace),
        cmocka_unit_test(nearest_word),
        cmocka_unit_test(hostile_bytes_are_made_visible),
        cmocka_unit_test(diagnostics_print),
        cmocka_unit_test(errors_are_counted_beyond_the_most),
        cmocka_unit_test(codes_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
