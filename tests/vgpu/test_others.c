// What other programs call and the CUDA backend does not: contexts of their own, libraries, memory of a
// stream, questions that do not wait; and products of narrow numbers.
#include "vgpu/driver_run.h"
#include "runtime/vgpu/driver/driver.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WANT(call, result)             \
    do {                               \
        if ((call) != (result)) {      \
            fprintf(stderr, "line %d: %s\n", __LINE__, #call); \
            return WRONG;              \
        }                              \
    } while (0)

static int contexts(void)
{
    DriverContext one, two, now;
    DriverDevice device;
    DriverAddress a;
    unsigned flags;
    int active, major, minor;
    TRY(cuInit(0));
    TRY(cuDeviceComputeCapability(&major, &minor, 1));
    WANT(major * 10 + minor, 80);
    TRY(cuCtxCreate_v2(&one, 0, 0));
    TRY(cuCtxCreate_v2(&two, 0, 1));
    TRY(cuCtxGetDevice(&device));
    WANT(device, 1);
    TRY(cuCtxPopCurrent_v2(&now));
    WANT(now == two, true);
    TRY(cuCtxGetCurrent(&now));
    WANT(now == one, true);
    TRY(cuCtxPushCurrent_v2(two));
    TRY(cuMemAlloc_v2(&a, 64));
    TRY(cuMemFree_v2(a));
    TRY(cuCtxDestroy_v2(two));
    WANT(cuCtxPushCurrent_v2(two), DRIVER_ERROR_INVALID_CONTEXT);
    TRY(cuCtxGetDevice(&device));
    WANT(device, 0);
    TRY(cuCtxDestroy_v2(one));
    TRY(cuDevicePrimaryCtxGetState(0, &flags, &active));
    WANT(active, false);
    return 0;
}

// A library is of no context: its kernels run in both.
static int libraries(void)
{
    Machine m[2];
    DriverModule library;
    DriverFunction kernel, f;
    float factor = 3, out[COUNT];                             // pageable: a copy to it waits
    if (open_machine(&m[1], 1) || open_machine(&m[0], 0))
        return FAILED;
    TRY(cuLibraryLoadData(&library, kernels, NULL, NULL, 0, NULL, NULL, 0));
    TRY(cuLibraryGetKernel(&kernel, library, "scale"));
    for (int k = 0; k < 2; k++) {
        TRY(cuCtxSetCurrent(m[k].context));
        TRY(cuKernelGetFunction(&f, kernel));
        DriverLaunchConfig c = { .grid = { 8, 1, 1 }, .block = { 128, 1, 1 }, .stream = m[k].streams[0] };
        TRY(cuMemsetD32Async(m[k].buffers[1], 0x3f800000, COUNT, m[k].streams[0]));
        TRY(cuLaunchKernelEx(&c, f, (void *[]){ &m[k].buffers[0], &m[k].buffers[1], &factor }, NULL));
        TRY(cuMemcpyDtoHAsync_v2(out, m[k].buffers[0], sizeof out, m[k].streams[0]));
        WANT(out[0] == 3 && out[COUNT - 1] == 3, true);
    }
    TRY(cuLibraryUnload(library));
    WANT(cuLibraryUnload(library), DRIVER_ERROR_INVALID_HANDLE);
    close_machine(&m[0], 0);
    close_machine(&m[1], 1);
    return 0;
}

static int memory_of_a_stream(void)
{
    Machine m;
    DriverAddress a, b;
    size_t before, during, after, total;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuMemGetInfo_v2(&before, &total));
    TRY(cuMemAllocAsync(&a, 4096, m.streams[0]));
    TRY(cuMemcpyDtoD_v2(a, m.buffers[0], 4000));
    TRY(cuMemFreeAsync(a, m.streams[0]));
    TRY(cuMemGetInfo_v2(&during, &total));                    // the stream has not come to it yet
    TRY(cuStreamSynchronize(m.streams[0]));
    TRY(cuMemGetInfo_v2(&after, &total));
    WANT(before == after && during == before - 4096, true);
    WANT(cuMemFreeAsync(a, m.streams[0]), DRIVER_ERROR_INVALID_VALUE);
    TRY(cuMemAllocHost_v2((void **)&b, 16));
    TRY(cuMemFreeHost((void *)(uintptr_t)b));
    close_machine(&m, 0);
    return 0;
}

static int questions(void)
{
    Machine m;
    DriverEvent e[2];
    float milliseconds = -1;
    if (open_machine(&m, 0))
        return FAILED;
    for (int k = 0; k < 2; k++) {
        TRY(cuEventCreate(&e[k], DRIVER_EVENT_DEFAULT));
        TRY(cuEventRecord(e[k], m.streams[0]));
        TRY(cuMemsetD32Async(m.buffers[0], 0, COUNT, m.streams[0]));
        TRY(cuMemsetD8Async(m.buffers[1], 0, 4 * COUNT, m.streams[0]));
    }
    WANT(cuEventElapsedTime(&milliseconds, e[0], e[1]), DRIVER_ERROR_NOT_READY);
    WANT(cuEventQuery(e[1]), DRIVER_ERROR_NOT_READY);
    int asked = 0;
    while (cuStreamQuery(m.streams[0]) == DRIVER_ERROR_NOT_READY && asked < 100)
        asked++;
    WANT(asked > 0 && asked < 100, true);
    TRY(cuEventQuery(e[1]));
    TRY(cuEventElapsedTime(&milliseconds, e[0], e[1]));
    WANT(milliseconds >= 0, true);
    for (int k = 0; k < 2; k++)
        TRY(cuEventDestroy_v2(e[k]));
    close_machine(&m, 0);
    return 0;
}

// Of bf16 numbers that are exact: 1 x 2 by 2 x 1, sums in float and results of both kinds; and of floats
// whose last bits the tensor cores do not see.
static int narrow_products(void)
{
    Machine m;
    CublasHandle handle;
    const uint16_t a[2] = { 0x3fc0, 0x4000 }, b[2] = { 0x4040, 0xbf80 };                 // 1.5 2, 3 -1
    const float one = 1, none = 0, x = 1 + 0x1p-12f;
    float whole;
    uint16_t narrow;
    void *at[3];
    if (open_machine(&m, 0))
        return FAILED;
    memcpy(at, m.buffers, sizeof at);
    TRY(cublasCreate_v2(&handle));
    TRY(cuMemcpyHtoD_v2(m.buffers[0], a, sizeof a));
    TRY(cuMemcpyHtoD_v2(m.buffers[1], b, sizeof b));
    TRY(cublasGemmEx(handle, CUBLAS_NONE, CUBLAS_NONE, 1, 1, 2, &one, at[0], CUBLAS_BF16, 1, at[1],
                     CUBLAS_BF16, 2, &none, at[2], CUBLAS_FLOAT, 1, CUBLAS_COMPUTE_FLOAT,
                     CUBLAS_ALGORITHM_DEFAULT));
    TRY(cuMemcpyDtoH_v2(&whole, m.buffers[2], sizeof whole));
    WANT(whole == 2.5f, true);
    TRY(cublasGemmEx(handle, CUBLAS_NONE, CUBLAS_NONE, 1, 1, 2, &one, at[0], CUBLAS_BF16, 1, at[1],
                     CUBLAS_BF16, 2, &none, at[2], CUBLAS_BF16, 1, CUBLAS_COMPUTE_FLOAT,
                     CUBLAS_ALGORITHM_DEFAULT));
    TRY(cuMemcpyDtoH_v2(&narrow, m.buffers[2], sizeof narrow));
    WANT(narrow, 0x4020);
    TRY(cublasSetMathMode(handle, CUBLAS_MATH_TF32));
    TRY(cuMemcpyHtoD_v2(m.buffers[0], &x, sizeof x));
    TRY(cublasSgemm_v2(handle, CUBLAS_NONE, CUBLAS_NONE, 1, 1, 1, &one, at[0], 1, at[0], 1, &none, at[2], 1));
    TRY(cuMemcpyDtoH_v2(&whole, m.buffers[2], sizeof whole));
    WANT(whole == 1, true);
    WANT(cublasGemmEx(handle, CUBLAS_NONE, CUBLAS_NONE, 1, 1, 2, &one, at[0], 2, 1, at[1], 2, 2, &none, at[2],
                      2, 1, CUBLAS_COMPUTE_FLOAT, CUBLAS_ALGORITHM_DEFAULT), CUBLAS_UNSUPPORTED);
    TRY(cublasDestroy_v2(handle));
    close_machine(&m, 0);
    return 0;
}

// What ran before it was asked for is not counted; the last of 32 warps has 8 threads with something to do.
static int counted(void)
{
    Machine m;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuMemsetD32Async(m.buffers[0], 0, COUNT, m.streams[0]));
    TRY(scale(&m, 0, 1, 0, 2));
    TRY(cuStreamSynchronize(m.streams[0]));
    WANT(cleave_vgpu_counters(0) == NULL, true);
    cleave_vgpu_count();
    for (int k = 0; k < 2; k++)
        TRY(scale(&m, 0, 1, 0, 2));
    TRY(cuStreamSynchronize(m.streams[0]));
    const VgpuCounters *c = cleave_vgpu_counters(0);
    WANT(c && cleave_vgpu_counters(1) == NULL, true);
    VgpuCount all = vgpu_counters_sum(c, VGPU_CLASSES);
    WANT(strcmp(c->kernel, "scale"), 0);
    WANT(c->launches == 2 && all.flops == 2 * COUNT, true);
    WANT(all.global.transfers == 2 * 2 * (31 * 4 + 1) && all.global.read == 2 * 4 * COUNT, true);
    close_machine(&m, 0);
    return 0;
}

static void test_others(void **state)
{
    (void)state;
    expect_program(contexts, "VGPU_CHECK=1", 0, NULL);
    expect_program(libraries, "VGPU_CHECK=1", 0, NULL);
    expect_program(memory_of_a_stream, "", 0, NULL);
    expect_program(questions, "VGPU_CHECK=1 VGPU_SEED=2", 0, NULL);
    expect_program(narrow_products, "VGPU_CHECK=1", 0, NULL);
    expect_program(counted, "", 0, NULL);
    expect_program(counted, "VGPU_CHECK=1 VGPU_SEED=3", 0, NULL);
    expect_program(libraries, "VGPU_COUNTERS=1", 0, "vgpu: counters: scale launches=2 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_others) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
