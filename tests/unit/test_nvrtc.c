// NVRTC: found where it may be, refused with a reason where it is not; texts become PTX and cubin,
// wrong ones a log, stopped ones nothing.
#include "runtime/cuda/nvrtc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char good_text[] =
    "#line 5 \"kernels/cuda/scale.cu\"\n"
    "extern \"C\" __global__ void __launch_bounds__(128) k1_scale(float *a, float s)\n"
    "{\n"
    "    a[blockIdx.x * 128 + threadIdx.x] *= s;\n"
    "}\n";

static char err[DEVICE_ERROR];

// Leaves the test when this machine has no NVRTC.
static Nvrtc open_or_skip(void)
{
    Nvrtc n;
    if (!nvrtc_find(&n, err)) {
        print_message("skipped: %s\n", err);
        skip();
    }
    if (!nvrtc_load(&n, err))
        fail_msg("%s", err);
    return n;
}

static void test_compiles(void **state)
{
    (void)state;
    Nvrtc n = open_or_skip();
    const char *const archs[] = { "sm_80", "sm_90a" };
    for (int i = 0; i < (n.major < 12 ? 1 : 2); i++) {            // 11 knows no sm_90a
        NvrtcOutput out, again;
        assert_int_equal(nvrtc_compile(&n, good_text, "unit.cu", archs[i], NULL, &out, err), NVRTC_MADE);
        char target[32];
        snprintf(target, sizeof target, ".target %s", archs[i]);
        assert_non_null(strstr(out.ptx, target));
        assert_non_null(strstr(out.ptx, "kernels/cuda/scale.cu"));
        assert_non_null(strstr(out.log, "Compiling entry function 'k1_scale'"));
        assert_memory_equal(out.cubin, "\177ELF", 4);
        assert_int_equal(nvrtc_compile(&n, good_text, "unit.cu", archs[i], NULL, &again, err), NVRTC_MADE);
        assert_int_equal(out.cubin_size, again.cubin_size);
        assert_memory_equal(out.cubin, again.cubin, out.cubin_size);
        assert_string_equal(out.ptx, again.ptx);
        nvrtc_output_close(&out);
        nvrtc_output_close(&again);
    }
}

static void test_refuses_a_wrong_text(void **state)
{
    (void)state;
    Nvrtc n = open_or_skip();
    NvrtcOutput out;
    const char *text = "#line 41 \"kernels/cuda/pool.cu\"\n__global__ void k(int *a)\n{\n    a[0] = zz;\n}\n";
    assert_int_equal(nvrtc_compile(&n, text, "unit.cu", "sm_80", NULL, &out, err), NVRTC_REFUSED);
    assert_non_null(strstr(out.log, "kernels/cuda/pool.cu(43): error"));
    assert_null(out.cubin);
    nvrtc_output_close(&out);
    // What only ptxas refuses leaves the PTX that it refused.
    text = "__global__ void k(int a) { asm(\"bad.op %0;\" :: \"r\"(a)); }";
    assert_int_equal(nvrtc_compile(&n, text, "unit.cu", "sm_80", NULL, &out, err), NVRTC_REFUSED);
    assert_non_null(strstr(out.log, "ptxas"));
    assert_non_null(strstr(out.ptx, "bad.op"));
    nvrtc_output_close(&out);
}

static void test_names_the_architectures(void **state)
{
    (void)state;
    Nvrtc n = open_or_skip();
    NvrtcOutput out;
    assert_int_equal(nvrtc_compile(&n, good_text, "unit.cu", "sm_31", NULL, &out, err), NVRTC_FAILED);
    assert_non_null(strstr(err, "does not compile for sm_31; it knows sm_"));
    assert_non_null(strstr(err, "sm_80"));
    nvrtc_output_close(&out);
}

static bool stop_after(void *context)
{
    int *calls = context;
    return ++*calls > 3;
}

static void test_stops(void **state)
{
    (void)state;
    Nvrtc n = open_or_skip();
    if (!n.set_flow_callback)
        skip();
    int calls = 0;
    NvrtcOutput out;
    const NvrtcStop stop = { stop_after, &calls };
    assert_int_equal(nvrtc_compile(&n, good_text, "unit.cu", "sm_80", &stop, &out, err), NVRTC_STOPPED);
    assert_true(calls > 3);
    nvrtc_output_close(&out);
}

static void test_missing(void **state)
{
    (void)state;
    Nvrtc n;
    char folder[] = "/tmp/cleave-nvrtc-XX" "XX" "XX", file[64];
    assert_non_null(mkdtemp(folder));
    setenv("CLEAVE_NVRTC", folder, 1);
    assert_false(nvrtc_find(&n, err));
    assert_non_null(strstr(err, "CLEAVE_NVRTC names neither"));
    assert_non_null(strstr(err, folder));

    snprintf(file, sizeof file, "%s/libnvrtc.so.12", folder);     // there, but no library
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs("text", f);
    fclose(f);
    assert_true(nvrtc_find(&n, err));
    assert_false(nvrtc_load(&n, err));
    assert_non_null(strstr(err, "cannot be loaded"));
    assert_non_null(strstr(err, file));
    unlink(file);
    rmdir(folder);
    unsetenv("CLEAVE_NVRTC");
}

static void test_another_library(void **state)
{
    (void)state;
    Nvrtc n = { .path = "libm.so.6" };
    assert_false(nvrtc_load(&n, err));
    assert_non_null(strstr(err, "lacks nvrtcVersion"));
    assert_null(n.library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiles),
        cmocka_unit_test(test_refuses_a_wrong_text),
        cmocka_unit_test(test_names_the_architectures),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_another_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
