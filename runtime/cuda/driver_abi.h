// The part of the CUDA driver's binary interface that is used here, and of cuBLAS': types, numbers and
// (driver.def, cublas.def) functions, under names of our own, so that nothing of CUDA is needed to build.
// tests/unit/test_driver_abi.c compares all of it with cuda.h where there is one.
#ifndef CUDA_DRIVER_ABI_H
#define CUDA_DRIVER_ABI_H
#include <stddef.h>
#include <stdint.h>

typedef unsigned DriverResult;                 // DRIVER_SUCCESS, DRIVER_ERROR_...
typedef unsigned DriverDeviceAttribute, DriverFunctionAttribute, DriverJitOption;
typedef unsigned DriverCaptureMode, DriverCaptureStatus, DriverQuery;
typedef int DriverDevice;
typedef unsigned long long DriverAddress;      // of device memory

typedef struct DriverContextData   *DriverContext;
typedef struct DriverModuleData    *DriverModule;
typedef struct DriverFunctionData  *DriverFunction;
typedef struct DriverStreamData    *DriverStream;
typedef struct DriverEventData     *DriverEvent;
typedef struct DriverGraphData     *DriverGraph;
typedef struct DriverGraphExecData *DriverGraphExec;

#define VALUE(ours, theirs, number) DRIVER_##ours = number,
enum {
#include "runtime/cuda/driver_values.def"
};
#undef VALUE

// Exported as cuGetProcAddress_v2 (CUDA 12): the function `name` in the form that it had in `version`.
typedef DriverResult DriverGetAddress(const char *name, void **function, int version, uint64_t flags,
                                      DriverQuery *query);

typedef struct CublasHandleData *CublasHandle;
typedef unsigned CublasStatus;                 // 0 is success
typedef unsigned CublasOperation, CublasMath, CublasType, CublasCompute;
typedef int CublasAlgorithm;
enum {
    CUBLAS_SUCCESS = 0, CUBLAS_NOT_INITIALIZED = 1, CUBLAS_ALLOC_FAILED = 3, CUBLAS_INVALID = 7,
    CUBLAS_EXECUTION_FAILED = 13, CUBLAS_UNSUPPORTED = 15,
    CUBLAS_NONE = 0, CUBLAS_TRANSPOSE = 1,                               // CublasOperation
    CUBLAS_MATH_DEFAULT = 0, CUBLAS_MATH_TF32 = 3,                       // CublasMath
    CUBLAS_FLOAT = 0, CUBLAS_BF16 = 14,                                  // CublasType
    CUBLAS_COMPUTE_FLOAT = 68, CUBLAS_COMPUTE_TF32 = 77,                 // CublasCompute
    CUBLAS_ALGORITHM_DEFAULT = -1                                        // CublasAlgorithm
};
#endif
