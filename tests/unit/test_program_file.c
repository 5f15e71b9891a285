// Programs: what is saved reads back to the same text, and no damage to a file is more than a
// refusal. The program is one of a net in two columns, so it has devices, copies and waits.
#include "compile.h"
#include "program/order.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char columns[] =
    "net columns : 3x8x8 -> 4 {\n"
    "  split(gpu0, gpu1) { conv(4, 3, pad = 1) -> relu -> all -> fc(6) -> relu }\n"
    "  -> fc(4) -> softmax\n"
    "}\n";

enum { MUTATIONS = 4000 };

static Compilation compiled;
static char *saved;
static size_t saved_size;

static char *save(const Program *p, size_t *size)
{
    char *text = NULL, err[PROGRAM_ERROR];
    FILE *out = open_memstream(&text, size);
    assert_true(program_save(p, out, err));
    fclose(out);
    return text;
}

static int compile_net(void **state)
{
    (void)state;
    char path[] = "/tmp/cleave-program-XX" "XX" "XX.net";
    int fd = mkstemps(path, 4);
    if (fd < 0 || write(fd, columns, sizeof columns - 1) != (ssize_t)sizeof columns - 1)
        return 1;
    close(fd);
    CompileOptions o = { .modes = 1 << GRAPH_TRAIN, .front = { .batch = 2 } };
    bool made = compile_file(&compiled, &o, path);
    diag_print(&compiled.diag, stderr, false);
    unlink(path);
    if (made) {
        for (int i = 0; i < compiled.program->unit_count; i++)
            compiled.program->units[i].text = "/* text */\n";        // short: mutations hit the rest
        program_hash(compiled.program);
        saved = save(compiled.program, &saved_size);
    }
    return made ? 0 : 1;
}

static int close_net(void **state)
{
    (void)state;
    free(saved);
    compile_close(&compiled);
    return 0;
}

static Program *load(const char *text, size_t size, Arena *arena, char *err)
{
    FILE *in = fmemopen((void *)text, size, "r");
    assert_non_null(in);
    Program *p = program_load(in, arena, err);
    fclose(in);
    return p;
}

static void test_round_trip(void **state)
{
    (void)state;
    char err[PROGRAM_ERROR] = "";
    Arena arena;
    jmp_buf full;
    if (setjmp(full))
        fail_msg("out of memory");
    arena_open(&arena, 0, &full);
    Program *p = load(saved, saved_size, &arena, err);
    assert_string_equal(err, "");
    assert_non_null(p);
    size_t size;
    char *again = save(p, &size);
    assert_string_equal(again, saved);
    free(again);
    uint64_t hash[2] = { p->plan_hash[0], p->plan_hash[1] };
    program_hash(p);
    assert_memory_equal(hash, p->plan_hash, sizeof hash);
    p->sequences[0].launches[0].items++;
    program_hash(p);
    assert_memory_not_equal(hash, p->plan_hash, sizeof hash);
    arena_close(&arena);
}

static unsigned draw(unsigned *x, unsigned below)
{
    *x = *x * 1664525u + 1013904223u;
    return (*x >> 8) % below;
}

// Other digits, other signs, bytes of other kinds, pieces cut out or doubled.
static size_t mutate(char *text, size_t size, unsigned seed)
{
    unsigned x = seed * 2654435761u;
    for (unsigned k = draw(&x, 4) + 1; k; k--) {
        size_t at = draw(&x, (unsigned)size - 40), length = draw(&x, 30) + 1;
        switch (draw(&x, 4)) {
        case 0:
            at += strcspn(text + at, "0123456789");
            if (at < size)
                text[at] = (char)('0' + draw(&x, 10));
            break;
        case 1:
            text[at] = "0-9\"{}[],:ex"[draw(&x, 12)];
            break;
        case 2:
            memmove(text + at, text + at + length, size - at - length + 1);
            size -= length;
            break;
        default:
            memmove(text + at, text + draw(&x, (unsigned)size - 40), length);
        }
    }
    return size;
}

static void test_damage_is_refused_or_harmless(void **state)
{
    (void)state;
    static int refused;                  // static: set behind setjmp, read after it
    static size_t size;
    static unsigned seed;
    char *text = malloc(saved_size + 1);
    for (seed = 1; seed <= MUTATIONS; seed++) {
        char err[PROGRAM_ERROR] = "";
        Arena arena;
        jmp_buf full;
        memcpy(text, saved, saved_size + 1);
        size = mutate(text, saved_size, seed);
        arena_open(&arena, (size_t)64 << 20, &full);
        if (!setjmp(full)) {
            Program *p = load(text, size, &arena, err);
            if (!p) {
                assert_true(err[0] != 0);
                refused++;
            } else
                assert_true(program_validate(p, err));
        }
        arena_close(&arena);
    }
    free(text);
    assert_true(refused > MUTATIONS / 2);
}

// Each row breaks one promise of program_validate; `what` must be in the message.
static void check_broken(const char *what)
{
    char err[PROGRAM_ERROR] = "";
    assert_false(program_validate(compiled.program, err));
    if (!strstr(err, what))
        fail_msg("'%s' is not in '%s'", what, err);
}

#define BROKEN(field, value, what)                    \
    do {                                              \
        __typeof__(field) old_ = field;               \
        field = value;                                \
        check_broken(what);                           \
        field = old_;                                 \
    } while (0)

static void test_validator(void **state)
{
    (void)state;
    char err[PROGRAM_ERROR] = "";
    Program *p = compiled.program;
    Sequence *s = &p->sequences[0];
    assert_true(program_validate(p, err));
    BROKEN(p->tensors[0].buffer, p->buffer_count, "no buffer");
    BROKEN(p->tensors[0].offset, (int64_t)1 << 40, "are not in buffer");
    BROKEN(p->buffers[0].offset, 32, "are not in an arena");
    BROKEN(p->devices[0].vector, 3, "floats a register");
    BROKEN(p->params[0].parts[0].first_row, 1, "rows");
    BROKEN(p->kernels[0].symbol, "no symbol", "illegal");
    BROKEN(s->launches[0].kernel, -1, "illegal");
    BROKEN(s->launches[0].items, 0, "illegal");
    BROKEN(s->copies[0].bytes, 4, "bytes of the two sides");
    BROKEN(s->copies[0].to, s->copies[0].from, "within one device");
    for (int i = 0; i < s->command_count; i++)
        if (s->commands[i].wait_count) {
            BROKEN(s->commands[i].waits[0], i, "no earlier command");
            BROKEN(s->commands[i].wait_count, 0, "does not wait");
            break;
        }
    BROKEN(s->command_count, 1, "in no command");
    assert_true(program_validate(p, err));
}

// Every later command of a device may be given the wait of an earlier one, or one may be said twice: it is
// refused, and taken out again.
static void test_implied_waits(void **state)
{
    (void)state;
    Sequence *s = &compiled.program->sequences[0];
    CommandClock *clocks = calloc((size_t)s->command_count, sizeof *clocks);
    int first = 0, made = 0;
    while (!s->commands[first].wait_count)
        first++;
    const Command *waiting = &s->commands[first];
    int said[] = { waiting->waits[0], waiting->waits[0] };
    for (int i = first; i < s->command_count; i++) {
        const Command as_it_was = s->commands[i];
        if (as_it_was.device != waiting->device || (i > first && as_it_was.wait_count))
            continue;
        s->commands[i].waits = said;
        s->commands[i].wait_count = i == first ? 2 : 1;
        check_broken("others of its waits imply");
        order_clocks(s, clocks);
        order_reduce(s, clocks);
        assert_int_equal(s->commands[i].wait_count, as_it_was.wait_count);
        s->commands[i] = as_it_was;
        made++;
    }
    assert_in_range(made, 2, s->command_count);
    free(clocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage_is_refused_or_harmless),
        cmocka_unit_test(test_validator),
        cmocka_unit_test(test_implied_waits),
    };
    return cmocka_run_group_tests(tests, compile_net, close_net);
}
