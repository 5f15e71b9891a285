// The CUDA driver as a library, found and loaded at run time: $CLEAVE_CUDA_LIB, else libcuda.so.1. Which of
// them it is, NVIDIA's or the virtual GPU's, nothing else here knows.
#ifndef CUDA_DRIVER_H
#define CUDA_DRIVER_H
#include "runtime/cuda/driver_abi.h"
#include "runtime/device.h"
#include <limits.h>

typedef struct {
    void *library;
    char  path[PATH_MAX];              // as given to the loader
    int   version;                     // of the CUDA that it speaks: 13000 for 13.0
#define DRIVER(name, symbol, version, args) DriverResult (*name) args;
#include "runtime/cuda/driver.def"
#undef DRIVER
} Driver;

// Loads and initialises it. False, with what is missing and what to do in `err`. The library stays loaded
// for as long as the process lives: NVIDIA's cannot be unloaded.
bool driver_load(Driver *d, char err[DEVICE_ERROR]);
// True for DRIVER_SUCCESS. False, with "cuMemAlloc: out of memory (CUDA_ERROR_OUT_OF_MEMORY)" in `err`.
bool driver_check(const Driver *d, DriverResult result, const char *call, char err[DEVICE_ERROR]);
// Puts what was being done before the message in `err`.
void driver_explain(char err[DEVICE_ERROR], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Calls a function and checks its result.
#define DRIVER_CALL(driver, err, name, ...) \
    driver_check(driver, (driver)->name(__VA_ARGS__), #name, err)
#endif
