// Loading the CUDA driver: what is said when it is not there, or is something else.
#include "runtime/cuda/driver.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *library, const char *first, const char *second)
{
    Driver d;
    char err[DEVICE_ERROR] = "";
    assert_int_equal(setenv("CLEAVE_CUDA_LIB", library, 1), 0);
    assert_false(driver_load(&d, err));
    if (!strstr(err, first) || !strstr(err, second))
        fail_msg("the message is: %s", err);
}

static void missing_library(void **state)
{
    (void)state;
    refused("/nowhere/libcuda.so.1", "CLEAVE_CUDA_LIB: ", "/nowhere/libcuda.so.1");
}

static void another_library(void **state)
{
    (void)state;
    refused("libm.so.6", "libm.so.6 is no CUDA driver", "older than CUDA 12.0");
}

// --- results --------------------------------------------------------------------------------------

static DriverResult name_of(DriverResult result, const char **name)
{
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    return result == DRIVER_ERROR_OUT_OF_MEMORY ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_VALUE;
}

static DriverResult text_of(DriverResult result, const char **text)
{
    (void)result;
    *text = "out of memory";
    return DRIVER_SUCCESS;
}

static DriverResult no_memory(DriverAddress *at, size_t bytes)
{
    *at = 0;
    return bytes > 100 ? DRIVER_ERROR_OUT_OF_MEMORY : DRIVER_SUCCESS;
}

static void failed_call(void **state)
{
    (void)state;
    const Driver d = { .cuGetErrorName = name_of, .cuGetErrorString = text_of, .cuMemAlloc = no_memory };
    DriverAddress at;
    char err[DEVICE_ERROR] = "untouched";
    assert_true(DRIVER_CALL(&d, err, cuMemAlloc, &at, 100));
    assert_string_equal(err, "untouched");
    assert_false(DRIVER_CALL(&d, err, cuMemAlloc, &at, 101));
    assert_string_equal(err, "cuMemAlloc: out of memory (CUDA_ERROR_OUT_OF_MEMORY)");
    driver_explain(err, "the arena of device %s", "gpu0");
    assert_string_equal(err, "the arena of device gpu0: cuMemAlloc: out of memory "
                             "(CUDA_ERROR_OUT_OF_MEMORY)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_library),
        cmocka_unit_test(another_library),
        cmocka_unit_test(failed_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
