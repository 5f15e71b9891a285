// Finds every function of driver.def by cuGetProcAddress, in the form that its version had: what a newer
// driver calls by the same name may have other parameters.
#include "runtime/cuda/driver.h"
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OLDEST = 12000 };                       // cuGetProcAddress as it is called here

static bool fail(char *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(char *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err, DEVICE_ERROR, format, args);
    va_end(args);
    return false;
}

static bool open_library(Driver *d, char *err)
{
    const char *given = getenv("CLEAVE_CUDA_LIB");
    bool is_given = given && *given;
    snprintf(d->path, sizeof d->path, "%s", is_given ? given : "libcuda.so.1");
    d->library = dlopen(d->path, RTLD_NOW | RTLD_LOCAL);
    if (d->library)
        return true;
    const char *why = dlerror();
    return is_given
        ? fail(err, "CLEAVE_CUDA_LIB: %.300s", why ? why : "cannot be loaded")
        : fail(err, "there is no CUDA driver: %.200s; install NVIDIA's driver, or run on virtual GPUs "
               "(--virtual-gpus 1)", why ? why : d->path);
}

// ISO C has no cast from an object's address to a function's.
static void set_function(void *function_pointer, void *address)
{
    memcpy(function_pointer, &address, sizeof address);
}

static bool find_function(DriverGetAddress *get, const char *name, int version, void *function_pointer,
                          const Driver *d, char *err)
{
    void *address = NULL;
    DriverQuery query = DRIVER_QUERY_SUCCESS;
    DriverResult result = get(name, &address, version, 0, &query);
    if (result == DRIVER_SUCCESS && address) {
        set_function(function_pointer, address);
        return true;
    }
    if (result != DRIVER_SUCCESS && result != DRIVER_ERROR_NOT_FOUND)
        return fail(err, "%.200s cannot be used: cuGetProcAddress of %s gives error %u", d->path, name,
                    result);
    return fail(err, "%.200s has no %s of CUDA %d.%d; a newer driver has", d->path, name, version / 1000,
                version % 1000 / 10);
}

static bool find_functions(Driver *d, char *err)
{
    DriverGetAddress *get = NULL;
    set_function(&get, dlsym(d->library, "cuGetProcAddress_v2"));
    if (!get)
        return fail(err, "%.200s is no CUDA driver, or one older than CUDA %d.%d", d->path, OLDEST / 1000,
                    OLDEST % 1000 / 10);
#define DRIVER(name, symbol, version, args) \
    if (!find_function(get, #name, version, &d->name, d, err)) \
        return false;
#include "runtime/cuda/driver.def"
#undef DRIVER
    return true;
}

bool driver_load(Driver *d, char err[DEVICE_ERROR])
{
    memset(d, 0, sizeof *d);
    if (!open_library(d, err) || !find_functions(d, err))
        return false;
    if (DRIVER_CALL(d, err, cuInit, 0) && DRIVER_CALL(d, err, cuDriverGetVersion, &d->version))
        return true;
    driver_explain(err, "the CUDA driver (%.100s) cannot be used", d->path);
    return false;
}

bool driver_check(const Driver *d, DriverResult result, const char *call, char err[DEVICE_ERROR])
{
    const char *name = NULL, *text = NULL;
    if (result == DRIVER_SUCCESS)
        return true;
    d->cuGetErrorName(result, &name);
    d->cuGetErrorString(result, &text);
    return name ? fail(err, "%s: %.200s (%.60s)", call, text ? text : "no text for it", name)
                : fail(err, "%s: error %u, which the driver has no name for", call, result);
}

void driver_explain(char err[DEVICE_ERROR], const char *format, ...)
{
    char what[DEVICE_ERROR], why[DEVICE_ERROR];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(why, sizeof why, "%s", err);
    snprintf(err, DEVICE_ERROR, "%.300s: %.200s", what, why);
}
