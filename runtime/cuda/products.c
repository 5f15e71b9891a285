// cuBLAS found by dlopen and called with row-major matrices: a row-major D = A * B' is a column-major
// D' = B * A'. Its workspace is fixed and every device has one stream, so that it takes the same way, and
// gives the same bits, in every run.
#include "runtime/cuda/products.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { WORKSPACE = 32 << 20 };         // bytes: what NVIDIA advises for Hopper

struct Products {
#define CUBLAS(symbol, params) CublasStatus (*symbol) params;
#include "runtime/cuda/cublas.def"
#undef CUBLAS
    CublasHandle  handles[PROGRAM_DEVICES];
    DriverAddress workspaces[PROGRAM_DEVICES];
};

bool program_has_products(const Program *p)
{
    for (int i = 0; i < p->kernel_count; i++)
        if (p->kernels[i].product.m)
            return true;
    return false;
}

static bool check(CublasStatus status, const char *call, char *err)
{
    if (status == CUBLAS_SUCCESS)
        return true;
    const char *why = status == CUBLAS_NOT_INITIALIZED    ? "it is not initialised"
                      : status == CUBLAS_ALLOC_FAILED     ? "no memory"
                      : status == CUBLAS_INVALID          ? "an argument is wrong"
                      : status == CUBLAS_EXECUTION_FAILED ? "the product failed"
                      : status == CUBLAS_UNSUPPORTED      ? "this GPU cannot do it" : "it failed";
    snprintf(err, DEVICE_ERROR, "cuBLAS: %s: %s (status %u)", call, why, status);
    return false;
}

#define BLAS_CALL(p, err, name, ...) check((p)->name(__VA_ARGS__), #name, err)

// ISO C has no cast from an object's address to a function's.
static bool find(void *library, const char *name, void *function_pointer)
{
    void *address = dlsym(library, name);
    memcpy(function_pointer, &address, sizeof address);
    return address != NULL;
}

static void *open_library(const Driver *driver)
{
    static const char *const names[] = { "libcublas.so.13", "libcublas.so.12", "libcublas.so" };
    if (dlsym(driver->library, "cublasCreate_v2"))
        return driver->library;
    void *library = NULL;
    for (int i = 0; i < 3 && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static bool load(Products *p, const Driver *driver, char *err)
{
    void *library = open_library(driver);
    if (!library) {
        snprintf(err, DEVICE_ERROR, "there is no cuBLAS (libcublas.so), which this program has products by; "
                 "install the CUDA Toolkit's, or give tiles instead of `cublas` in a plan (--plan)");
        return false;
    }
#define CUBLAS(symbol, params) \
    if (!find(library, #symbol, &p->symbol)) { \
        snprintf(err, DEVICE_ERROR, "cuBLAS has no %s; another version has", #symbol); \
        return false; \
    }
#include "runtime/cuda/cublas.def"
#undef CUBLAS
    return true;
}

static bool open_handle(Device *d, int device, char *err)
{
    Products *p = d->products;
    return cuda_select(d, device, err) && BLAS_CALL(p, err, cublasCreate_v2, &p->handles[device])
        && DRIVER_CALL(&d->gpus.driver, err, cuMemAlloc, &p->workspaces[device], WORKSPACE)
        && BLAS_CALL(p, err, cublasSetStream_v2, p->handles[device], d->list[device].compute)
        && BLAS_CALL(p, err, cublasSetWorkspace_v2, p->handles[device],
                     (void *)(uintptr_t)p->workspaces[device], WORKSPACE)
        && BLAS_CALL(p, err, cublasSetMathMode, p->handles[device], CUBLAS_MATH_DEFAULT);
}

bool products_open(Device *d, char err[DEVICE_ERROR])
{
    if (!program_has_products(d->program))
        return true;
    d->products = calloc(1, sizeof *d->products);
    if (!d->products) {
        snprintf(err, DEVICE_ERROR, "out of memory");
        return false;
    }
    bool good = load(d->products, &d->gpus.driver, err);
    for (int i = 0; i < d->program->device_count && good; i++)
        good = open_handle(d, i, err);
    return good;
}

void products_close(Device *d)
{
    char err[DEVICE_ERROR];
    for (int i = 0; i < d->program->device_count && d->products; i++) {
        if (!cuda_select(d, i, err))
            continue;
        if (d->products->handles[i])
            d->products->cublasDestroy_v2(d->products->handles[i]);
        if (d->products->workspaces[i])
            d->gpus.driver.cuMemFree(d->products->workspaces[i]);
    }
    free(d->products);
    d->products = NULL;
}

bool products_launch(const Device *d, int device, const Launch *l, const CudaLaunch *c,
                     char err[DEVICE_ERROR])
{
    const LibraryProduct *p = &d->program->kernels[l->kernel].product;
    const float one = 1, zero = 0;
    CublasType type = p->element == ELEMENT_BF16 ? CUBLAS_BF16 : CUBLAS_FLOAT;
    CublasCompute compute = p->element == ELEMENT_TF32 ? CUBLAS_COMPUTE_TF32 : CUBLAS_COMPUTE_FLOAT;
    const void *a = (const void *)(uintptr_t)c->args[0], *b = (const void *)(uintptr_t)c->args[1];
    void *product = (void *)(uintptr_t)c->args[2];
    return BLAS_CALL(d->products, err, cublasGemmEx, d->products->handles[device],
                     p->b_along_n ? CUBLAS_NONE : CUBLAS_TRANSPOSE, CUBLAS_NONE, p->n, p->m, p->k, &one, b,
                     type, p->b_row, a, type, p->a_row, &zero, product, CUBLAS_FLOAT, p->n, compute,
                     CUBLAS_ALGORITHM_DEFAULT);
}
