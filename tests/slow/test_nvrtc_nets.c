// Every kernel of the training and the test step of every net in nets/, for the oldest and the newest GPU
// that kernels are made for, in every precision: NVRTC takes it, and ptxas keeps all of it in registers.
#include "compile.h"
#include "reference/cuda_text.h"
#include "runtime/cuda/build.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

static Nvrtc nvrtc;

typedef struct { int kernels, registers, bad; double seconds; } Count;

static void count_unit(const CudaBuilt *b, Count *c)
{
    for (int i = 0; i < b->cubin.kernel_count; i++)
        if (b->cubin.kernels[i].registers > c->registers)
            c->registers = b->cubin.kernels[i].registers;
    c->kernels += b->cubin.kernel_count;
    c->seconds += b->seconds;
    if (b->status == BUILD_GOOD)
        return;
    print_error("%s\n", b->err);
    c->bad++;
}

static Count build_program(const Program *p, const char *arch)
{
    static const CudaBuildOptions options;
    char err[DEVICE_ERROR];
    Count count = { 0 };
    CudaUnit *units = calloc((size_t)p->unit_count, sizeof *units);
    CudaBuilt *built = calloc((size_t)p->unit_count, sizeof *built);
    assert_true(units && built);
    for (int i = 0; i < p->unit_count; i++)
        units[i] = (CudaUnit){ p->units[i].name, arch, p->units[i].text };
    cuda_build(&nvrtc, units, p->unit_count, &options, built, err);
    for (int i = 0; i < p->unit_count; i++)
        count_unit(&built[i], &count);
    cuda_built_close(built, p->unit_count);
    free(units);
    free(built);
    return count;
}

// Prints what is wrong; how many kernels are.
static int build_net(const char *path, const char *target)
{
    static Compilation c;
    CompileOptions o = { .target = target, .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
    if (!compile_file(&c, &o, path)) {
        diag_print(&c.diag, stderr, false);
        fail_msg("%s for %s: %s", path, target, c.err);
    }
    Count count = build_program(c.program, strstr(target_find(target)->flags, "sm_"));
    assert_int_equal(count.kernels, c.program->kernel_count);
    print_message("%-24s %-18s %3d kernels, %3d registers at most, %5.1f s, %d bad\n", path, target,
                  count.kernels, count.registers, count.seconds, count.bad);
    compile_close(&c);
    return count.bad;
}

static void build_all(void **state)
{
    const char *target = *state;
    glob_t nets;
    int bad = 0;
    assert_int_equal(glob("nets/*.net", 0, NULL, &nets), 0);
    assert_true(nets.gl_pathc >= 7);
    for (size_t i = 0; i < nets.gl_pathc; i++)
        bad += build_net(nets.gl_pathv[i], target);
    globfree(&nets);
    assert_int_equal(bad, 0);
}

#define FOR(target) { "every net for " target, build_all, NULL, NULL, (void *)(target) }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOR("cuda:sm_80"), FOR("cuda:sm_80:fp32"), FOR("cuda:sm_80:bf16"),
        FOR("cuda:sm_90a"), FOR("cuda:sm_90a:fp32"), FOR("cuda:sm_90a:bf16"),
    };
    if (!cuda_open_nvrtc(&nvrtc))
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
