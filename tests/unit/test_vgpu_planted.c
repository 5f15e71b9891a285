// Every bug planted in tests/vgpu/planted.cu is found, at its line and by its thread, in whatever order warps
// take turns and as compiled for each level of x86-64; the twins without a bug are silent.
#include "reference/cuda_text.h"
#include "runtime/vgpu/vgpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PLANTED "tests/vgpu/planted.cu"

void insn_limit_level(int level);      // of insn/rows.h, which has other types of the compiler's names

enum { FLOATS = 255, SLOT = 1024, SEEDS = 5, LEAST_BUGS = 30 };

// A kernel of the file, as its comments describe it.
typedef struct {
    char     name[64], fault[32];      // fault "": no bug
    unsigned blocks, threads, shared;
    int      first_line, line;
    unsigned thread;
} Planted;

static char *text;
static char  err[VGPU_ERROR];

static void read_text(void)
{
    FILE *f = fopen(PLANTED, "r");
    size_t size = 0;
    assert_non_null(f);
    ssize_t length = getdelim(&text, &size, 0, f);
    assert_true(length > 0);
    fclose(f);
}

static void read_line(Planted *list, int *count, const char *line, int number)
{
    Planted *p = &list[*count];
    const char *run = strstr(line, "// run: "), *bug = strstr(line, "// BUG ");
    if (sscanf(line, "KERNEL(%63[a-z_0-9])", p->name) == 1 && run) {
        p->first_line = number;
        assert_true(sscanf(run, "// run: %u %u %u", &p->blocks, &p->threads, &p->shared) >= 2);
        (*count)++;
    }
    if (bug && *count > 0) {
        p = &list[*count - 1];
        p->line = number;
        assert_int_equal(sscanf(bug, "// BUG %31[a-z0-9-] %u", p->fault, &p->thread), 2);
    }
}

static int read_planted(Planted list[128])
{
    int count = 0, number = 1;
    read_text();
    for (char *line = text; line; number++) {
        char *end = strchr(line, '\n');
        char copy[256];
        snprintf(copy, sizeof copy, "%.*s", end ? (int)(end - line) : 255, line);
        read_line(list, &count, copy, number);
        assert_true(count < 127);
        line = end ? end + 1 : NULL;
    }
    return count;
}

static NvrtcOutput compile(void)
{
    static Nvrtc n;
    char why[DEVICE_ERROR];
    NvrtcOutput out;
    if (!cuda_open_nvrtc(&n))
        skip();
    if (nvrtc_compile(&n, text, PLANTED, "sm_80", NULL, &out, why) != NVRTC_MADE)
        fail_msg("%s\n%s", why, out.log ? out.log : "");
    return out;
}

static bool launch(const VgpuModule *m, const Planted *p, uint64_t seed, VgpuReports *reports)
{
    static _Alignas(256) char arena[5 * SLOT];               // x, y and z in one piece of memory
    static const char *const names[] = { "front", "x", "y", "z", "behind" };
    char *at[3];
    const void *params[4];
    int number = FLOATS;
    VgpuMemory *memory = vgpu_memory_open();
    for (int i = 0; i < 5; i++) {
        char *slot = arena + i * SLOT;
        float *of = (float *)(void *)slot;
        for (int k = 0; k < SLOT / 4; k++)
            of[k] = i == 1 ? (float)(k % 37) : 0;
        if (i > 0 && i < 4) {
            at[i - 1] = slot;
            params[i - 1] = &at[i - 1];
            assert_true(vgpu_memory_add(memory, slot, FLOATS * sizeof(float), names[i]));
        }
    }
    vgpu_memory_forget(memory, at[2], FLOATS * sizeof(float));
    params[3] = &number;
    VgpuLaunch l = { .grid = { p->blocks, 1, 1 }, .block = { p->threads, 1, 1 }, .params = params,
                     .check = true, .memory = memory, .reports = reports, .shared_bytes = p->shared,
                     .seed = seed, .max_steps = 100000 };
    bool ok = vgpu_launch(m, p->name, &l, err);
    vgpu_memory_close(memory);
    return ok;
}

static bool is_at(const VgpuReport *r, int line)
{
    bool inlined = r->inlined_file && strstr(r->inlined_file, "planted.cu");
    return strstr(r->file, "planted.cu") && (r->line == line || (inlined && r->inlined_line == line));
}

// Where warps take turns in order the first report says it all. In another order memory may be read before
// the warp that writes it has come, which is no race by then.
static bool check_bug(const Planted *p, const VgpuReports *r, uint64_t seed)
{
    if (!r->count) {
        print_error("%s, seed %d: nothing is found\n", p->name, (int)seed);
        return false;
    }
    const VgpuReport *first = &r->list[0];
    char line[VGPU_ERROR];
    vgpu_report_format(first, line);
    bool same = !strcmp(vgpu_fault_name(first->fault), p->fault) && is_at(first, p->line)
                && first->thread[0] == p->thread;
    if (strncmp(line, "vgpu: ", 6) || (!seed && !same)) {
        print_error("%s: %s is no %s at %d by thread %u\n", p->name, line, p->fault, p->line, p->thread);
        return false;
    }
    return true;
}

static bool check_kernel(const VgpuModule *m, const Planted *p, uint64_t seed)
{
    VgpuReports r = { 0 };
    bool silent = launch(m, p, seed, &r), ok = silent;
    if (p->fault[0])
        ok = check_bug(p, &r, seed);
    else if (!silent)
        print_error("%s has no bug, seed %d: %s\n", p->name, (int)seed, err);
    vgpu_reports_close(&r);
    return ok;
}

static int run_level(const char *ptx, const Planted *list, int count, int level)
{
    int wrong = 0;
    insn_limit_level(level);
    VgpuModule *m = vgpu_module_load(ptx, err);
    if (!m)
        fail_msg("%s", err);
    for (int i = 0; i < count; i++)
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            wrong += !check_kernel(m, &list[i], seed);
    vgpu_module_close(m);
    insn_limit_level(4);
    if (wrong)
        print_error("as compiled for level %d of x86-64\n", level);
    return wrong;
}

static void test_planted(void **state)
{
    (void)state;
    static Planted list[128];
    int count = read_planted(list), bugs = 0;
    for (int i = 0; i < count; i++)
        bugs += list[i].fault[0] != 0;
    print_message("%d bugs, %d kernels without one, in %d orders\n", bugs, count - bugs, SEEDS);
    assert_true(bugs >= LEAST_BUGS && count - bugs > 15);
    NvrtcOutput out = compile();
    assert_int_equal(run_level(out.ptx, list, count, 4) + run_level(out.ptx, list, count, 3) +
                     run_level(out.ptx, list, count, 1), 0);
    nvrtc_output_close(&out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_planted) };
    return cmocka_run_group_tests_name("planted bugs", tests, NULL, NULL);
}
