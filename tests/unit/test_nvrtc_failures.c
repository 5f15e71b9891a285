// Every call of NVRTC while two texts are built ends badly once with each of four codes: the build says so,
// with NVRTC's word for the code; the other text is built; nothing is left and nothing that failed gets into
// the cache. A stand-in (stand_in/nvrtc.c) forwards all other calls.
#include "reference/folder.h"
#include "runtime/cuda/build.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS = 2, CODES = 4, VERSION_CALLS = 1 };

// NVRTC_ERROR_OUT_OF_MEMORY, ..._INVALID_PROGRAM, ..._COMPILATION, ..._INTERNAL_ERROR.
static const int codes[CODES] = { 1, 4, 6, 11 };

static const char *const texts[UNITS] = {
    "extern \"C\" __global__ void k1(float *a)\n{\n    a[threadIdx.x] *= 2.0f;\n}\n",
    "extern \"C\" __global__ void k2(float *a)\n{\n    a[threadIdx.x] *= 3.0f;\n}\n",
};

static char err[DEVICE_ERROR], real_path[PATH_MAX];
static Nvrtc real_one;

static int open_group(void **state)
{
    if (folder_make(state) || setenv("XDG_CACHE_HOME", folder_path(), 1))
        return 1;
    if (!nvrtc_find(&real_one, err) || !nvrtc_load(&real_one, err))
        return 0;
    snprintf(real_path, sizeof real_path, "%s", real_one.path);
    return setenv("NVRTC_REAL", real_path, 1) || setenv("CLEAVE_NVRTC", STAND_IN, 1);
}

static void need_nvrtc(void)
{
    if (!real_path[0])
        skip();
}

// The build with one call that fails. How many of the units are good.
static int build(const char *failure, const char *arch, bool without_cache)
{
    Nvrtc n;
    CudaUnit units[UNITS];
    CudaBuilt built[UNITS];
    const CudaBuildOptions o = { .threads = 1, .without_cache = without_cache };
    int good = 0;
    setenv("NVRTC_FAIL", failure, 1);
    if (!nvrtc_find(&n, err))
        fail_msg("%s", err);
    for (int i = 0; i < UNITS; i++)
        units[i] = (CudaUnit){ i ? "k2.cu" : "k1.cu", arch, texts[i] };
    err[0] = 0;
    bool fine = cuda_build(&n, units, UNITS, &o, built, err);
    for (int i = 0; i < UNITS; i++)
        good += built[i].status == BUILD_GOOD && built[i].out.cubin;
    assert_true(fine == (good == UNITS));
    cuda_built_close(built, UNITS);
    return good;
}

// A text that NVRTC refuses without a word is told as that.
static void fail_call(const char *function, int n, int code)
{
    char failure[80];
    bool is_refusal = code == 6 && !strcmp(function, "nvrtcCompileProgram");
    bool is_version = !strcmp(function, "nvrtcVersion");
    snprintf(failure, sizeof failure, "%s:%d:%d", function, n, code);
    int good = build(failure, "sm_80", true);
    const char *word = is_refusal ? "refused: " : is_version ? "NVRTC tells no version"
                                                             : real_one.get_error_string(code);
    if (good != (is_version ? 0 : UNITS - 1) || !strstr(err, word))
        fail_msg("%s: %d good, `%s`", failure, good, err);
}

static void every_call_fails(void **state)
{
    static const char *const functions[] = {
        "nvrtcVersion", "nvrtcCreateProgram", "nvrtcCompileProgram", "nvrtcGetProgramLogSize",
        "nvrtcGetProgramLog", "nvrtcGetPTXSize", "nvrtcGetPTX", "nvrtcGetCUBINSize", "nvrtcGetCUBIN",
    };
    (void)state;
    need_nvrtc();
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++)
        for (int n = 1; n <= (f ? UNITS : VERSION_CALLS); n++)
            for (int c = 0; c < CODES; c++)
                fail_call(functions[f], n, codes[c]);
}

// Whose failure changes nothing: what is made is made, and nobody wants to stop.
static void some_may_fail(void **state)
{
    char failure[80];
    (void)state;
    need_nvrtc();
    for (int c = 0; c < CODES; c++) {
        snprintf(failure, sizeof failure, "nvrtcSetFlowCallback:1:%d", codes[c]);
        assert_int_equal(build(failure, "sm_80", true), UNITS);
        snprintf(failure, sizeof failure, "nvrtcGetNumSupportedArchs:1:%d", codes[c]);
        assert_int_equal(build(failure, "sm_31", true), 0);
        assert_non_null(strstr(err, "does not compile for sm_31"));
        snprintf(failure, sizeof failure, "nvrtcGetSupportedArchs:1:%d", codes[c]);
        assert_int_equal(build(failure, "sm_31", true), 0);
        assert_non_null(strstr(err, "does not compile for sm_31"));
    }
}

static void failures_are_not_cached(void **state)
{
    (void)state;
    need_nvrtc();
    assert_int_equal(build("nvrtcGetProgramLog:1:11", "sm_80", false), UNITS - 1);
    assert_int_equal(build("", "sm_80", false), UNITS);
    assert_int_equal(build("nvrtcCreateProgram:1:1", "sm_80", false), UNITS);      // nothing is compiled
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_fails), cmocka_unit_test(some_may_fail),
        cmocka_unit_test(failures_are_not_cached),
    };
    return cmocka_run_group_tests_name("NVRTC failures", tests, open_group, folder_remove);
}
