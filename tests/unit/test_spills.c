// No tile function may move a vector register to the stack: one spill in an innermost loop costs
// half of the speed. Compiles AlexNet's contractions to assembly for every x86 instruction set.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "reference/alexnet_kernels.h"
#include <stdlib.h>
#include <string.h>

// "k3_tile13x2:" or "k3_tile13x2.constprop.0:" opens a tile function.
static bool is_label(const char *line) { return line[0] != '\t' && line[0] != '.' && strchr(line, ':'); }

static bool is_vector_on_stack(const char *line)
{
    bool vector = strstr(line, "%xmm") || strstr(line, "%ymm") || strstr(line, "%zmm");
    return line[0] == '\t' && line[1] != '.' && vector
           && strstr(line, "(%rsp");
}

typedef struct { int tiles, spills; char first[160]; } Count;

static Count count_spills(FILE *assembly)
{
    Count c = { 0 };
    char line[512], function[128] = "";
    while (fgets(line, sizeof line, assembly)) {
        if (is_label(line)) {
            snprintf(function, sizeof function, "%.100s", line);
            c.tiles += strstr(function, "_tile") != NULL;
        } else if (strstr(function, "_tile") && is_vector_on_stack(line)) {
            if (!c.spills++)
                snprintf(c.first, sizeof c.first, "%.60s %.80s", function, line);
        }
    }
    return c;
}

static void check_target(const char *name)
{
    Arena arena;
    jmp_buf exhausted;
    assert_int_equal(setjmp(exhausted), 0);
    arena_open(&arena, 0, &exhausted);
    KernelUnitCase *u = ARENA_NEW(&arena, KernelUnitCase);
    AlexnetKernel *all = ARENA_ARRAY(&arena, AlexnetKernel, ALEXNET_KERNELS);
    unit_open(u, &arena, target_find(name));
    if (alexnet_kernels(u, 32, all) < 0)
        fail_msg("%s", u->err);
    FILE *assembly = unit_assembly(u);
    assert_non_null(assembly);
    Count c = count_spills(assembly);
    pclose(assembly);
    assert_true(c.tiles > 20);
    if (c.spills)
        fail_msg("%s: %d vector registers on the stack, the first in %s", name, c.spills, c.first);
    unit_close(u);
    arena_close(&arena);
}

static void no_spills_avx512(void **state)
{
    (void)state;
    check_target("avx512");
}
static void no_spills_avx2(void **state)
{
    (void)state;
    check_target("avx2");
}
static void no_spills_sse2(void **state)
{
    (void)state;
    check_target("sse2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_spills_avx512),
        cmocka_unit_test(no_spills_avx2),
        cmocka_unit_test(no_spills_sse2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
