// Every net of nets/ as a program: compiled for all three modes, valid, saved and loaded.
#include "compile.h"
#include <glob.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void compile_net(Compilation *c, const char *path, const char *target)
{
    CompileOptions o = { .target = target, .front = { .batch = 4, .seed = 1 },
                         .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST | 1 << GRAPH_PREDICT };
    if (compile_file(c, &o, path))
        return;
    diag_print(&c->diag, stderr, false);
    fail_msg("%s: %s", path, c->err);
}

static void test_all_nets(void **state)
{
    (void)state;
    static const char *const targets[] = { "avx512", "avx2", "sse2" };
    glob_t nets;
    assert_int_equal(glob("nets/*.net", 0, NULL, &nets), 0);
    assert_true(nets.gl_pathc >= 7);
    for (size_t i = 0; i < nets.gl_pathc; i++)
        for (int t = 0; t < 3; t++) {
            Compilation *c = calloc(1, sizeof *c);
            char err[PROGRAM_ERROR];
            compile_net(c, nets.gl_pathv[i], targets[t]);
            assert_non_null(c->program);
            if (!program_validate(c->program, err))
                fail_msg("%s: %s", nets.gl_pathv[i], err);
            compile_close(c);
            free(c);
        }
    globfree(&nets);
}

// Both devices of the paper's net run the same kernels: the parts share every text.
static void test_parts_share_kernels(void **state)
{
    (void)state;
    Compilation *c = calloc(1, sizeof *c);
    compile_net(c, "nets/alexnet.net", "avx2");
    const Program *p = c->program;
    const Sequence *s = &p->sequences[0];
    int used[2][512] = { { 0 } };
    assert_true(p->kernel_count < 512 && p->device_count == 2);
    for (int i = 0; i < s->launch_count; i++)
        if (!strncmp(s->launches[i].layer, "conv", 4)) {
            int device = p->buffers[p->tensors[s->launches[i].tensors[0]].buffer].device;
            used[device][s->launches[i].kernel]++;
        }
    for (int k = 0; k < p->kernel_count; k++)
        if (used[0][k] != used[1][k])
            fail_msg("%s: %d and %d launches", p->kernels[k].title, used[0][k], used[1][k]);
    compile_close(c);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_nets),
        cmocka_unit_test(test_parts_share_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
