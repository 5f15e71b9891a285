// The part of cuBLAS that the runtime uses, as works of a stream.
#include "runtime/vgpu/driver/driver.h"
#include <stdlib.h>

struct CublasHandleData { Object object; Stream *stream; CublasMath math; };

#define CUBLAS(symbol, params) CublasStatus symbol params;
#include "runtime/cuda/cublas.def"
#undef CUBLAS

#define ENTER_BLAS(handle)                                     \
    ENTER(NEEDS_CONTEXT);                                      \
    if (!driver_is_live(handle, OBJECT_BLAS))                  \
        return CUBLAS_NOT_INITIALIZED

CublasStatus cublasCreate_v2(CublasHandle *handle)
{
    ENTER(NEEDS_CONTEXT);
    *handle = driver_object(sizeof **handle, OBJECT_BLAS, current_context);
    return *handle ? CUBLAS_SUCCESS : CUBLAS_ALLOC_FAILED;
}

CublasStatus cublasDestroy_v2(CublasHandle handle)
{
    ENTER_BLAS(handle);
    driver_drop(handle);
    return CUBLAS_SUCCESS;
}

CublasStatus cublasGetVersion_v2(CublasHandle handle, int *version)
{
    ENTER(NEEDS_NOTHING);
    (void)handle;
    *version = 130000;
    return CUBLAS_SUCCESS;
}

CublasStatus cublasSetStream_v2(CublasHandle handle, DriverStream stream)
{
    ENTER_BLAS(handle);
    Stream *s = driver_stream(stream);
    if (!s || s->object.context != handle->object.context)
        return CUBLAS_INVALID;
    handle->stream = s;
    return CUBLAS_SUCCESS;
}

CublasStatus cublasSetWorkspace_v2(CublasHandle handle, void *at, size_t bytes)
{
    ENTER_BLAS(handle);
    return (uintptr_t)at % 256 || (!at && bytes) ? CUBLAS_INVALID : CUBLAS_SUCCESS;
}

CublasStatus cublasSetMathMode(CublasHandle handle, CublasMath mode)
{
    ENTER_BLAS(handle);
    handle->math = mode;
    return CUBLAS_SUCCESS;
}

static CublasStatus queue_product(CublasHandle handle, const Product *p)
{
    int a_rows = p->a_turned ? p->k : p->m, b_rows = p->b_turned ? p->n : p->k;
    Stream *s = handle->stream ? handle->stream : handle->object.context->null;
    if (p->m < 0 || p->n < 0 || p->k < 0 || p->a_stride < a_rows || p->b_stride < b_rows ||
        p->c_stride < p->m || !driver_is_live(s, OBJECT_STREAM))
        return CUBLAS_INVALID;
    if (!p->m || !p->n)
        return CUBLAS_SUCCESS;
    Work *w = driver_work(WORK_PRODUCT);
    if (!w)
        return CUBLAS_ALLOC_FAILED;
    w->u.product = *p;
    return driver_queue(s, w) ? CUBLAS_EXECUTION_FAILED : CUBLAS_SUCCESS;
}

CublasStatus cublasSgemm_v2(CublasHandle handle, CublasOperation a_operation, CublasOperation b_operation,
                            int m, int n, int k, const float *alpha, const float *a, int a_stride,
                            const float *b, int b_stride, const float *beta, float *c, int c_stride)
{
    ENTER_BLAS(handle);
    Product p = { .m = m, .n = n, .k = k, .a_stride = a_stride, .b_stride = b_stride, .c_stride = c_stride,
                  .a_turned = a_operation != CUBLAS_NONE, .b_turned = b_operation != CUBLAS_NONE,
                  .tf32 = handle->math == CUBLAS_MATH_TF32, .alpha = *alpha, .beta = *beta,
                  .a = a, .b = b, .c = c };
    return queue_product(handle, &p);
}

CublasStatus cublasGemmEx(CublasHandle handle, CublasOperation a_operation, CublasOperation b_operation,
                          int m, int n, int k, const void *alpha, const void *a, CublasType a_type,
                          int a_stride, const void *b, CublasType b_type, int b_stride, const void *beta,
                          void *c, CublasType c_type, int c_stride, CublasCompute compute,
                          CublasAlgorithm algorithm)
{
    ENTER_BLAS(handle);
    (void)algorithm;
    bool known = (a_type == CUBLAS_FLOAT || a_type == CUBLAS_BF16) && a_type == b_type &&
                 (c_type == CUBLAS_FLOAT || c_type == a_type) &&
                 (compute == CUBLAS_COMPUTE_FLOAT || compute == CUBLAS_COMPUTE_TF32);
    if (!known)
        return CUBLAS_UNSUPPORTED;
    Product p = { .m = m, .n = n, .k = k, .a_stride = a_stride, .b_stride = b_stride, .c_stride = c_stride,
                  .a_turned = a_operation != CUBLAS_NONE, .b_turned = b_operation != CUBLAS_NONE,
                  .a_bf16 = a_type == CUBLAS_BF16, .b_bf16 = b_type == CUBLAS_BF16,
                  .c_bf16 = c_type == CUBLAS_BF16, .tf32 = compute == CUBLAS_COMPUTE_TF32,
                  .alpha = *(const float *)alpha, .beta = *(const float *)beta, .a = a, .b = b, .c = c };
    return queue_product(handle, &p);
}
