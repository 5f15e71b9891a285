// driver_abi.h against the toolkit's headers: every number, every type, every function's signature, at
// compile time. Without the toolkit there is nothing to compare with.
#include "runtime/cuda/driver_abi.h"
#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <cmocka.h>

#if __has_include(<cudaTypedefs.h>) && __has_include(<cublas_v2.h>)
#include <cuda.h>
#include <cudaTypedefs.h>
#include <cublas_v2.h>

#define SAME_SIZE(ours, theirs) \
    _Static_assert(sizeof(ours) == sizeof(theirs) && _Alignof(ours) == _Alignof(theirs), #ours)
SAME_SIZE(DriverResult, CUresult);
SAME_SIZE(DriverDeviceAttribute, CUdevice_attribute);
SAME_SIZE(DriverFunctionAttribute, CUfunction_attribute);
SAME_SIZE(DriverJitOption, CUjit_option);
SAME_SIZE(DriverCaptureMode, CUstreamCaptureMode);
SAME_SIZE(DriverCaptureStatus, CUstreamCaptureStatus);
SAME_SIZE(DriverQuery, CUdriverProcAddressQueryResult);
SAME_SIZE(DriverDevice, CUdevice);
SAME_SIZE(DriverAddress, CUdeviceptr);
SAME_SIZE(DriverContext, CUcontext);
SAME_SIZE(DriverModule, CUmodule);
SAME_SIZE(DriverFunction, CUfunction);
SAME_SIZE(DriverStream, CUstream);
SAME_SIZE(DriverEvent, CUevent);
SAME_SIZE(DriverGraph, CUgraph);
SAME_SIZE(DriverGraphExec, CUgraphExec);
SAME_SIZE(CublasHandle, cublasHandle_t);
SAME_SIZE(CublasStatus, cublasStatus_t);
SAME_SIZE(CublasOperation, cublasOperation_t);
SAME_SIZE(CublasMath, cublasMath_t);
SAME_SIZE(CublasType, cudaDataType);
SAME_SIZE(CublasCompute, cublasComputeType_t);
SAME_SIZE(CublasAlgorithm, cublasGemmAlgo_t);

#define VALUE(ours, theirs, number) \
    _Static_assert((int)DRIVER_##ours == (int)theirs && (int)theirs == (number), #theirs);
#include "runtime/cuda/driver_values.def"
#undef VALUE

#define SAME(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #ours)
SAME(CUBLAS_SUCCESS, CUBLAS_STATUS_SUCCESS);
SAME(CUBLAS_NOT_INITIALIZED, CUBLAS_STATUS_NOT_INITIALIZED);
SAME(CUBLAS_ALLOC_FAILED, CUBLAS_STATUS_ALLOC_FAILED);
SAME(CUBLAS_INVALID, CUBLAS_STATUS_INVALID_VALUE);
SAME(CUBLAS_EXECUTION_FAILED, CUBLAS_STATUS_EXECUTION_FAILED);
SAME(CUBLAS_UNSUPPORTED, CUBLAS_STATUS_NOT_SUPPORTED);
SAME(CUBLAS_NONE, CUBLAS_OP_N);
SAME(CUBLAS_TRANSPOSE, CUBLAS_OP_T);
SAME(CUBLAS_MATH_DEFAULT, CUBLAS_DEFAULT_MATH);
SAME(CUBLAS_MATH_TF32, CUBLAS_TF32_TENSOR_OP_MATH);
SAME(CUBLAS_FLOAT, CUDA_R_32F);
SAME(CUBLAS_BF16, CUDA_R_16BF);
SAME(CUBLAS_COMPUTE_FLOAT, CUBLAS_COMPUTE_32F);
SAME(CUBLAS_COMPUTE_TF32, CUBLAS_COMPUTE_32F_FAST_TF32);
SAME(CUBLAS_ALGORITHM_DEFAULT, CUBLAS_GEMM_DEFAULT);

// From here on our names mean their types, so that a row of driver.def can be held against the typedef
// that cudaTypedefs.h has for that version.
#define DriverResult            CUresult
#define DriverDeviceAttribute   CUdevice_attribute
#define DriverFunctionAttribute CUfunction_attribute
#define DriverJitOption         CUjit_option
#define DriverCaptureMode       CUstreamCaptureMode
#define DriverCaptureStatus     CUstreamCaptureStatus
#define DriverQuery             CUdriverProcAddressQueryResult
#define DriverDevice            CUdevice
#define DriverAddress           CUdeviceptr
#define DriverContext           CUcontext
#define DriverModule            CUmodule
#define DriverFunction          CUfunction
#define DriverStream            CUstream
#define DriverEvent             CUevent
#define DriverGraph             CUgraph
#define DriverGraphExec         CUgraphExec
#define CublasHandle            cublasHandle_t
#define CublasStatus            cublasStatus_t
#define CublasOperation         cublasOperation_t
#define CublasMath              cublasMath_t
#define CublasType              cudaDataType
#define CublasCompute           cublasComputeType_t
#define CublasAlgorithm         cublasGemmAlgo_t

#define DRIVER(name, symbol, version, args) \
    _Static_assert(__builtin_types_compatible_p(CUresult (*)args, PFN_##name##_v##version), #name); \
    _Static_assert(sizeof &symbol, #symbol);
#include "runtime/cuda/driver.def"
#undef DRIVER
_Static_assert(__builtin_types_compatible_p(CUresult (*)(const char *, void **, int, cuuint64_t,
                                                         CUdriverProcAddressQueryResult *),
                                            PFN_cuGetProcAddress_v12000), "cuGetProcAddress");
_Static_assert(sizeof(cuuint64_t) == sizeof(uint64_t), "cuuint64_t");
#define CUBLAS(symbol, args) \
    _Static_assert(__builtin_types_compatible_p(cublasStatus_t (*)args, __typeof__(&symbol)), #symbol);
#include "runtime/cuda/cublas.def"
#undef CUBLAS
static const bool has_headers = true;
#else
static const bool has_headers = false;
#endif

static void headers_agree(void **state)
{
    (void)state;
    if (!has_headers)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(headers_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
