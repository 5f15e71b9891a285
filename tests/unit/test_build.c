// Builds: many units at a time and from the cache, the same bytes from everywhere; refused units named
// at their #line; kernels that spill, builds that are stopped or take too long.
#include "runtime/cuda/build.h"
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { UNITS = 6 };

static char err[DEVICE_ERROR], folder[] = "/tmp/cleave-build-XX" "XX" "XX", texts[UNITS][512];
static CudaUnit units[UNITS];
static Nvrtc nvrtc;
static bool has_nvrtc;

static int open_group(void **state)
{
    (void)state;
    has_nvrtc = nvrtc_find(&nvrtc, err);
    for (int i = 0; i < UNITS; i++) {
        snprintf(texts[i], sizeof texts[i], "#line 5 \"kernels/cuda/scale.cu\"\n"
                 "extern \"C\" __global__ void __launch_bounds__(128) k%d_scale(float *a)\n{\n"
                 "    __shared__ float s[%d];\n    s[threadIdx.x] = a[threadIdx.x];\n    __syncthreads();\n"
                 "    a[threadIdx.x] = s[127 - threadIdx.x] * %d;\n}\n", i, 128 + i, i);
        units[i] = (CudaUnit){ "kernels-0.cu", i % 2 ? "sm_86" : "sm_80", texts[i] };
    }
    return !mkdtemp(folder) || setenv("XDG_CACHE_HOME", folder, 1);
}

static int close_group(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void need_nvrtc(void)
{
    if (has_nvrtc)
        return;
    print_message("skipped: there is no NVRTC\n");
    skip();
}

// Before CUDA 12.8 a compilation cannot be stopped in the middle.
static void need_callback(void)
{
    need_nvrtc();
    if (!nvrtc_load(&nvrtc, err) || !nvrtc.set_flow_callback)
        skip();
}

static void build_good(const CudaUnit *list, int count, const CudaBuildOptions *o, CudaBuilt *built)
{
    if (!cuda_build(&nvrtc, list, count, o, built, err))
        fail_msg("%s", err);
}

static void test_cache(void **state)
{
    (void)state;
    need_nvrtc();
    CudaBuilt first[UNITS], again[UNITS];
    const CudaBuildOptions two = { .threads = 2 };
    build_good(units, UNITS, &two, first);
    build_good(units, UNITS, &two, again);
    for (int i = 0; i < UNITS; i++) {
        char name[32];
        snprintf(name, sizeof name, "k%d_scale", i);
        assert_false(first[i].from_cache);
        assert_true(first[i].seconds > 0);
        assert_true(again[i].from_cache);
        assert_int_equal(first[i].out.cubin_size, again[i].out.cubin_size);
        assert_memory_equal(first[i].out.cubin, again[i].out.cubin, first[i].out.cubin_size);
        assert_string_equal(first[i].out.ptx, again[i].out.ptx);
        assert_string_equal(first[i].out.log, again[i].out.log);
        assert_int_equal(cubin_kernel(&again[i].cubin, name)->most_threads, 128);
        assert_int_equal(report_kernel(&again[i].report, name)->barriers, first[i].report.kernels->barriers);
    }
    cuda_built_close(again, UNITS);

    CudaUnit other = units[0];                             // another architecture, another text
    other.arch = "sm_86";
    build_good(&other, 1, &two, again);
    assert_false(again[0].from_cache);
    cuda_built_close(again, 1);
    other = units[0];
    other.text = texts[1];
    build_good(&other, 1, &two, again);
    assert_false(again[0].from_cache);
    cuda_built_close(again, 1);
    cuda_built_close(first, UNITS);
}

// The line table names no folder of this machine, so the bytes are the same from everywhere.
static void test_same_from_everywhere(void **state)
{
    (void)state;
    need_nvrtc();
    if (unshare(CLONE_FS))                                 // a sandbox: see docs/nvrtc.md
        skip();
    CudaBuilt here, there;
    char cwd[PATH_MAX], after[PATH_MAX];
    const CudaBuildOptions plain = { .without_cache = true };
    build_good(units, 1, &plain, &here);
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(chdir("/tmp"), 0);
    build_good(units, 1, &plain, &there);
    assert_string_equal(getcwd(after, sizeof after), "/tmp");
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(here.out.cubin_size, there.out.cubin_size);
    assert_memory_equal(here.out.cubin, there.out.cubin, here.out.cubin_size);
    assert_non_null(strstr(here.out.ptx, "\"/kernels/cuda/scale.cu\""));
    cuda_built_close(&here, 1);
    cuda_built_close(&there, 1);
}

static void test_refused(void **state)
{
    (void)state;
    need_nvrtc();
    CudaUnit list[3] = { units[0], { "kernels-7.cu", "sm_80",
        "#line 31 \"kernels/cuda/pool.cu\"\nextern \"C\" __global__ void k(float *a)\n{\n"
        "#line 8 \"nets/lenet.net\"\n    a[0] = sqrtt(a[1]);\n}\n" }, units[1] };
    CudaBuilt built[3];
    assert_false(cuda_build(&nvrtc, list, 3, &(CudaBuildOptions){ 0 }, built, err));
    assert_int_equal(built[0].status, BUILD_GOOD);
    assert_int_equal(built[1].status, BUILD_REFUSED);
    assert_int_equal(built[2].status, BUILD_GOOD);
    assert_non_null(strstr(err, "kernels-7.cu (sm_80) is refused: nets/lenet.net:8:"));
    assert_non_null(strstr(err, "sqrtt"));
    assert_int_equal(built[1].report.errors, 1);
    cuda_built_close(built, 3);
}

static void test_architecture(void **state)
{
    (void)state;
    need_nvrtc();
    CudaUnit list[2] = { units[0], units[1] };
    list[0].arch = list[1].arch = "sm_12";
    CudaBuilt built[2];
    assert_false(cuda_build(&nvrtc, list, 2, &(CudaBuildOptions){ 0 }, built, err));
    assert_int_equal(built[0].status, BUILD_FAILED);
    assert_non_null(strstr(err, "does not compile for sm_12"));
    assert_non_null(strstr(err, "(and 1 more units)"));
    cuda_built_close(built, 2);
}

// --- spills ---------------------------------------------------------------------------------------

static const char spilling[] =
    "extern \"C\" __global__ void __launch_bounds__(1024) k1_product(float *a, const float *b, int n)\n{\n"
    "    float sum[96];\n"
    "#pragma unroll\n    for (int i = 0; i < 96; i++) sum[i] = a[i];\n"
    "    for (int j = 0; j < n; j++)\n"
    "#pragma unroll\n        for (int i = 0; i < 96; i++) sum[i] = sum[i] * sum[(i + 7) % 96] + b[j + i];\n"
    "#pragma unroll\n    for (int i = 0; i < 96; i++) a[threadIdx.x + i] = sum[i];\n}\n";

static const char indexed[] =
    "extern \"C\" __global__ void k2_table(float *a, int n)\n{\n    float t[32];\n"
    "    for (int i = 0; i < 32; i++) t[(i * n) & 31] = a[i];\n    a[0] = t[n & 31];\n}\n";

static void expect_spill(const char *text, const char *word)
{
    CudaUnit unit = { "kernels-1.cu", "sm_80", text };
    for (int round = 0; round < 2; round++) {              // the second time from the cache
        CudaBuilt built;
        assert_false(cuda_build(&nvrtc, &unit, 1, &(CudaBuildOptions){ 0 }, &built, err));
        assert_int_equal(built.status, BUILD_SPILLS);
        assert_int_equal(built.from_cache, round);
        assert_non_null(strstr(err, word));
        assert_non_null(built.out.cubin);
        cuda_built_close(&built, 1);
    }
}

static void test_spills(void **state)
{
    (void)state;
    need_nvrtc();
    expect_spill(spilling, "kernel `k1_product` keeps values in local memory");
    expect_spill(indexed, "stack frame 128, spill stores 0");
}

static void test_allowed_with_a_reason(void **state)
{
    (void)state;
    need_nvrtc();
    CudaUnit unit = { "kernels-1.cu", "sm_80", spilling };
    SpillAllowance row = { "k*_product", "this test wants it so" };
    CudaBuildOptions o = { .allowed = &row, .allowed_count = 1 };
    CudaBuilt built;
    build_good(&unit, 1, &o, &built);
    cuda_built_close(&built, 1);
    row.reason = "";
    assert_false(cuda_build(&nvrtc, &unit, 1, &o, &built, err));
    cuda_built_close(&built, 1);
    row = (SpillAllowance){ "k*_pool", "this is another kernel" };
    assert_false(cuda_build(&nvrtc, &unit, 1, &o, &built, err));
    cuda_built_close(&built, 1);
}

// --- stops ----------------------------------------------------------------------------------------

static atomic_int questions;

static bool stop_after_some(void *context)
{
    return atomic_fetch_add(&questions, 1) >= *(const int *)context;
}

static void test_stop(void **state)
{
    (void)state;
    need_callback();
    for (int calls = 0; calls < 60; calls += 20) {
        CudaBuilt built[UNITS];
        atomic_store(&questions, 0);
        const CudaBuildOptions o = { .stop = { stop_after_some, &calls }, .threads = 2,
                                     .without_cache = true };
        assert_false(cuda_build(&nvrtc, units, UNITS, &o, built, err));
        assert_int_equal(built[UNITS - 1].status, BUILD_STOPPED);
        assert_non_null(strstr(err, "stopped"));
        for (int i = 0; i < UNITS; i++)
            assert_true(built[i].status == BUILD_STOPPED || built[i].status == BUILD_GOOD);
        cuda_built_close(built, UNITS);
    }
}

static void test_most_seconds(void **state)
{
    (void)state;
    need_callback();
    CudaBuilt built;
    const CudaBuildOptions o = { .most_seconds = 1e-6, .without_cache = true };
    assert_false(cuda_build(&nvrtc, units, 1, &o, &built, err));
    assert_int_equal(built.status, BUILD_FAILED);
    assert_non_null(strstr(err, "takes more than 1e-06 seconds"));
    cuda_built_close(&built, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_same_from_everywhere),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_architecture),
        cmocka_unit_test(test_spills),
        cmocka_unit_test(test_allowed_with_a_reason),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_most_seconds),
    };
    return cmocka_run_group_tests(tests, open_group, close_group);
}
