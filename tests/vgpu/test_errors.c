// What the virtual GPU refuses, with which of the hardware's numbers; what ends a context; cuBLAS.
#include "vgpu/driver_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WANT(call, result)                                                                     \
    do {                                                                                       \
        DriverResult got_ = (call);                                                            \
        if (got_ != (result)) {                                                                \
            fprintf(stderr, "line %d: %s gave %u, not %u\n", __LINE__, #call, got_, (unsigned)(result)); \
            return WRONG;                                                                      \
        }                                                                                      \
    } while (0)

// --- errors that end a context ---------------------------------------------------------------------

static int launch_at(Machine *m, long long offset)
{
    DriverAddress to = m->buffers[0] + (DriverAddress)offset, from = m->buffers[1];
    float factor = 1;
    TRY(cuMemsetD32Async(from, 0, COUNT, m->streams[0]));
    return (int)cuLaunchKernel(m->scale, 8, 1, 1, 128, 1, 1, 0, m->streams[0],
                               (void *[]){ &to, &from, &factor }, NULL);
}

static int end_context(long long offset, bool traps, DriverResult error)
{
    Machine m, other;
    DriverAddress more;
    if (open_machine(&other, 1) || open_machine(&m, 0))
        return FAILED;
    if (traps)
        TRY(cuLaunchKernel(m.trap, 1, 1, 1, 1, 1, 1, 0, m.streams[0], NULL, NULL));
    else
        TRY(launch_at(&m, offset));
    WANT(cuStreamSynchronize(m.streams[0]), error);
    WANT(cuMemAlloc_v2(&more, 4), error);                     // from then on everything
    WANT(cuCtxSynchronize(), error);
    TRY(cuCtxSetCurrent(other.context));                      // but not of another context
    TRY(launch_at(&other, 0));
    TRY(cuStreamSynchronize(other.streams[0]));
    close_machine(&other, 1);
    TRY(cuDevicePrimaryCtxRelease_v2(0));
    if (open_machine(&m, 0))                                  // a new one is well
        return FAILED;
    TRY(launch_at(&m, 0));
    TRY(cuStreamSynchronize(m.streams[0]));
    close_machine(&m, 0);
    return 0;
}

static int far_away(void) { return end_context(-(1ll << 45), false, DRIVER_ERROR_ILLEGAL_ADDRESS); }
static int too_far(void) { return end_context(8, false, DRIVER_ERROR_ILLEGAL_ADDRESS); }
static int misaligned(void) { return end_context(2, false, DRIVER_ERROR_MISALIGNED_ADDRESS); }
static int traps(void) { return end_context(0, true, DRIVER_ERROR_LAUNCH_FAILED); }

static void test_ends_of_contexts(void **state)
{
    (void)state;
    expect_program(far_away, "VGPU_CHECK=1", 0,
                   "vgpu: out-of-bounds: scale.cu:5: scale block 0,0,0 thread 0,0,0 writes 4 bytes");
    expect_program(far_away, "VGPU_CHECK=0 VGPU_THREADS=1", 0,
                   "vgpu: out-of-bounds: scale.cu:5: scale block 0,0,0 thread 0,0,0 writes 4 bytes");
    expect_program(too_far, "VGPU_CHECK=1", 0,
                   "scale block 7,0,0 thread 102,0,0 writes 4 bytes 0 bytes behind the end");
    expect_program(misaligned, "VGPU_CHECK=0", 0, "vgpu: misaligned: scale.cu:5:");
    expect_program(traps, "", 0, "vgpu: trap: scale.cu:9: trap block 0,0,0 thread 0,0,0");
}

// --- what is refused -------------------------------------------------------------------------------

static int wrong_order(void)
{
    DriverContext c;
    DriverAddress a;
    int count;
    WANT(cuDeviceGetCount(&count), DRIVER_ERROR_NOT_INITIALIZED);
    WANT(cuInit(1), DRIVER_ERROR_INVALID_VALUE);
    TRY(cuInit(0));
    TRY(cuDeviceGetCount(&count));
    WANT(count == 3 ? DRIVER_SUCCESS : DRIVER_ERROR_UNKNOWN, DRIVER_SUCCESS);
    WANT(cuMemAlloc_v2(&a, 4), DRIVER_ERROR_INVALID_CONTEXT);
    WANT(cuDevicePrimaryCtxRetain(&c, 3), DRIVER_ERROR_INVALID_DEVICE);
    WANT(cuDevicePrimaryCtxRelease_v2(0), DRIVER_ERROR_INVALID_CONTEXT);
    TRY(cuDevicePrimaryCtxRetain(&c, 0));
    TRY(cuCtxSetCurrent(c));
    TRY(cuDevicePrimaryCtxRelease_v2(0));
    WANT(cuMemAlloc_v2(&a, 4), DRIVER_ERROR_CONTEXT_IS_DESTROYED);
    return 0;
}

static int wrong_modules(void)
{
    Machine m;
    DriverModule module;
    DriverFunction f;
    char log[256] = "";
    DriverJitOption options[] = { DRIVER_JIT_ERROR_LOG, DRIVER_JIT_ERROR_LOG_BYTES };
    void *values[] = { log, (void *)sizeof log };
    if (open_machine(&m, 0))
        return FAILED;
    WANT(cuModuleLoadDataEx(&module, "\177ELF\2\1\1", 0, NULL, NULL), DRIVER_ERROR_NO_BINARY_FOR_GPU);
    const char *wrong = ".version 7.0\n.target sm_80\n.address_size 64\n.entry k() { fly; }\n";
    WANT(cuModuleLoadDataEx(&module, wrong, 2, options, values), DRIVER_ERROR_INVALID_PTX);
    if (!strstr(log, "fly"))
        return WRONG;
    WANT(cuModuleGetFunction(&f, m.module, "absent"), DRIVER_ERROR_NOT_FOUND);
    close_machine(&m, 0);
    return 0;
}

static int wrong_launches(void)
{
    Machine m, other;
    void *params[] = { &m.buffers[0], &m.buffers[1], &(float){ 1 } };
    if (open_machine(&other, 1) || open_machine(&m, 0))
        return FAILED;
    WANT(cuLaunchKernel(m.scale, 0, 1, 1, 32, 1, 1, 0, NULL, params, NULL), DRIVER_ERROR_INVALID_VALUE);
    WANT(cuLaunchKernel(m.scale, 1, 1, 1, 64, 32, 1, 0, NULL, params, NULL), DRIVER_ERROR_INVALID_VALUE);
    WANT(cuLaunchKernel(m.scale, 1, 1, 1, 32, 1, 1, 50000, NULL, params, NULL), DRIVER_ERROR_INVALID_VALUE);
    TRY(cuFuncSetAttribute(m.scale, DRIVER_FUNCTION_MAX_DYNAMIC_SHARED, 50000));
    TRY(cuLaunchKernel(m.trap, 1, 1, 1, 1, 1, 1, 0, other.streams[0], NULL, NULL) ==
        DRIVER_ERROR_INVALID_HANDLE ? 0 : 1);                 // a kernel of another context
    WANT(cuFuncSetAttribute(m.scale, DRIVER_FUNCTION_MAX_DYNAMIC_SHARED, 200000), DRIVER_ERROR_INVALID_VALUE);
    TRY(cuStreamDestroy_v2(m.streams[1]));
    WANT(cuStreamSynchronize(m.streams[1]), DRIVER_ERROR_INVALID_HANDLE);
    WANT(cuMemsetD8Async(m.buffers[0], 0, 4 * COUNT + 1, NULL), DRIVER_ERROR_INVALID_VALUE);
    WANT(cuMemFree_v2(m.buffers[0] + 4), DRIVER_ERROR_INVALID_VALUE);
    TRY(cuStreamCreate(&m.streams[1], 0));
    TRY(cuCtxEnablePeerAccess(other.context, 0));
    WANT(cuCtxEnablePeerAccess(other.context, 0), DRIVER_ERROR_PEER_ACCESS_ALREADY_ENABLED);
    close_machine(&m, 0);
    close_machine(&other, 1);
    return 0;
}

static int memory_is_limited(void)
{
    Machine m;
    DriverAddress a, b;
    size_t left, total;
    if (open_machine(&m, 0))
        return FAILED;
    WANT(cuMemAlloc_v2(&a, 2 << 20), DRIVER_ERROR_OUT_OF_MEMORY);
    TRY(cuMemGetInfo_v2(&left, &total));
    if (total != 1 << 20 || left != total - 4 * COUNT * sizeof(float))
        return WRONG;
    TRY(cuMemAlloc_v2(&a, 600000));
    WANT(cuMemAlloc_v2(&b, 600000), DRIVER_ERROR_OUT_OF_MEMORY);
    TRY(cuMemFree_v2(a));
    TRY(cuMemAlloc_v2(&b, 900000));
    TRY(cuMemFree_v2(b));
    close_machine(&m, 0);
    return 0;
}

// A kernel may touch another device's memory when access was enabled, and not before.
static int memory_of_the_other(bool enabled, DriverResult result)
{
    Machine m, other;
    if (open_machine(&other, 1) || open_machine(&m, 0))
        return FAILED;
    if (enabled)
        TRY(cuCtxEnablePeerAccess(other.context, 0));
    TRY(cuMemsetD32Async(m.buffers[0], 0, COUNT, m.streams[0]));
    DriverAddress own = m.buffers[1];
    m.buffers[1] = other.buffers[1];
    TRY(scale(&m, 0, 1, 0, 1));
    WANT(cuStreamSynchronize(m.streams[0]), result);
    m.buffers[1] = own;
    close_machine(&m, 0);
    close_machine(&other, 1);
    return 0;
}

static int peer_access(void) { return memory_of_the_other(true, DRIVER_SUCCESS); }
static int no_peer_access(void) { return memory_of_the_other(false, DRIVER_ERROR_ILLEGAL_ADDRESS); }

static void test_what_is_refused(void **state)
{
    (void)state;
    expect_program(wrong_order, "VGPU_DEVICES=3", 0, NULL);
    expect_program(wrong_modules, "", 0, "vgpu: invalid-ptx: ");
    expect_program(wrong_launches, "", 0, "vgpu: launch: scale: 1 x 1 x 1 blocks of 64 x 32 x 1 threads");
    expect_program(memory_is_limited, "VGPU_MEMORY=1", 0, NULL);
    expect_program(peer_access, "VGPU_CHECK=1", 0, NULL);
    expect_program(no_peer_access, "VGPU_CHECK=0", 0, "vgpu: out-of-bounds: scale.cu:5:");
    expect_program(memory_is_limited, "VGPU_DEVICES=0", FAILED, NULL);
    expect_program(peer_access, "VGPU_SEED=x", 0, "vgpu: environment: VGPU_SEED is 'x', which is no number");
}

static int leave_things(void)
{
    Machine m;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuDevicePrimaryCtxRelease_v2(0));
    return 0;
}

// Two tensors side by side in one allocation: the kernel makes 1000 floats, the first has room for 996.
static int tensors_of_an_arena(void)
{
    Machine m;
    DriverAddress arena, own;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuMemAlloc_v2(&arena, (2 * COUNT - 4) * sizeof(float)));
    TRY((DriverResult)cleave_vgpu_region(arena, (COUNT - 4) * sizeof(float), "conv1"));
    TRY((DriverResult)cleave_vgpu_region(arena + (COUNT - 4) * sizeof(float), COUNT * sizeof(float),
                                         "conv2"));
    TRY(cuMemsetD32Async(m.buffers[1], 0, COUNT, m.streams[0]));
    own = m.buffers[0];
    m.buffers[0] = arena + (COUNT - 4) * sizeof(float);
    TRY(scale(&m, 0, 0, 1, 1));
    TRY(cuStreamSynchronize(m.streams[0]));
    m.buffers[0] = arena;
    TRY(scale(&m, 0, 0, 1, 1));
    WANT(cuStreamSynchronize(m.streams[0]), DRIVER_ERROR_ILLEGAL_ADDRESS);
    m.buffers[0] = own;
    close_machine(&m, 0);
    return cleave_vgpu_reports() == 1 ? 0 : WRONG;
}

static void test_regions(void **state)
{
    (void)state;
    expect_program(tensors_of_an_arena, "VGPU_CHECK=1", 0,
                   "scale block 7,0,0 thread 100,0,0 writes 4 bytes 0 bytes behind the end "
                   "of 'conv1' (3984 bytes), in 'conv2' (4 times)");
}

static void test_leaks(void **state)
{
    (void)state;
    expect_program(leave_things, "VGPU_CHECK=1", 0, "leak: the context of gpu0 ended with 2 stream(s)\n");
    expect_program(leave_things, "VGPU_CHECK=1", 0, "ended with 4 allocation(s), 16000 bytes\n");
    expect_program(leave_things, "VGPU_CHECK=0", 0, NULL);
}

static int functions_by_name(void)
{
    DriverResult (*init)(unsigned) = NULL;
    const char *text;
    DriverQuery query;
    WANT(cuGetProcAddress_v2("cuInit", (void **)&init, 12000, 0, &query), DRIVER_SUCCESS);
    TRY(init(0));
    WANT(cuGetProcAddress_v2("cuMemAlloc", (void **)&init, 2000, 0, &query), DRIVER_ERROR_NOT_FOUND);
    WANT(query, DRIVER_QUERY_TOO_OLD);
    WANT(cuGetProcAddress_v2("cuFly", (void **)&init, 12000, 0, &query), DRIVER_ERROR_NOT_FOUND);
    WANT(query, DRIVER_QUERY_NOT_FOUND);
    TRY(cuGetErrorName(DRIVER_ERROR_ILLEGAL_ADDRESS, &text));
    if (strcmp(text, "CUDA_ERROR_ILLEGAL_ADDRESS"))
        return WRONG;
    TRY(cuGetErrorString(DRIVER_ERROR_OUT_OF_MEMORY, &text));
    return strcmp(text, "out of memory") ? WRONG : 0;
}

static void test_names(void **state)
{
    (void)state;
    expect_program(functions_by_name, "", 0, NULL);
}

// --- cuBLAS ----------------------------------------------------------------------------------------

enum { M = 5, N = 4, K = 7 };

static float element(int row, int column) { return (float)(row * 3 - column * 2) + 0.5f; }

// Columns of `rows` elements; turned: rows of the matrix lie where columns would.
static void fill_matrix(float *to, int rows, int columns, bool turned)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            to[turned ? r * columns + c : c * rows + r] = element(r, c);
}

static int multiply(CublasHandle handle, Machine *m, bool a_turned, bool b_turned)
{
    float a[M * K], b[K * N], c[M * N];
    const float *at[3];
    for (int k = 0; k < 3; k++)
        memcpy(&at[k], &m->buffers[k], sizeof at[k]);
    fill_matrix(a, M, K, a_turned);
    fill_matrix(b, K, N, b_turned);
    for (int k = 0; k < M * N; k++)
        c[k] = 100;
    TRY(cuMemcpyHtoD_v2(m->buffers[0], a, sizeof a));
    TRY(cuMemcpyHtoD_v2(m->buffers[1], b, sizeof b));
    TRY(cuMemcpyHtoD_v2(m->buffers[2], c, sizeof c));
    TRY(cublasSgemm_v2(handle, a_turned, b_turned, M, N, K, &(float){ 2 }, at[0], a_turned ? K : M, at[1],
                       b_turned ? N : K, &(float){ 1 }, (float *)(void *)(uintptr_t)m->buffers[2], M));
    TRY(cuStreamSynchronize(m->streams[0]));
    TRY(cuMemcpyDtoH_v2(c, m->buffers[2], sizeof c));
    for (int r = 0; r < M; r++)
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum += element(r, k) * element(k, j);
            if (c[j * M + r] != 2 * sum + 100)
                return WRONG;
        }
    return 0;
}

static int multiply_all(void)
{
    Machine m;
    CublasHandle handle;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cublasCreate_v2(&handle));
    TRY(cublasSetStream_v2(handle, m.streams[0]));
    for (int k = 0; k < 4; k++)
        if (multiply(handle, &m, k & 1, k & 2))
            return WRONG;
    TRY(cublasDestroy_v2(handle));
    close_machine(&m, 0);
    return 0;
}

static int product_without_a_wait(void)
{
    Machine m;
    CublasHandle handle;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cublasCreate_v2(&handle));
    TRY(cublasSetStream_v2(handle, m.streams[0]));
    for (int k = 0; k < 3; k++)
        TRY(cuMemsetD32Async(m.buffers[k], 0, COUNT, m.streams[k < 2 ? 0 : 1]));
    float *at[3];
    memcpy(at, m.buffers, sizeof at);
    TRY(cublasSgemm_v2(handle, 0, 0, M, N, K, &(float){ 1 }, at[0], M, at[1], K, &(float){ 0 }, at[2], M));
    TRY(cuCtxSynchronize());
    TRY(cublasDestroy_v2(handle));
    close_machine(&m, 0);
    return 0;
}

static void test_cublas(void **state)
{
    (void)state;
    expect_program(multiply_all, "VGPU_CHECK=1", 0, NULL);
    expect_program(product_without_a_wait, "VGPU_CHECK=1", 0, "vgpu: stream-race: ");
    expect_program(multiply_all, "VGPU_FAIL=cublasSgemm:1:13", WRONG, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_of_contexts), cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_leaks), cmocka_unit_test(test_regions),
        cmocka_unit_test(test_names), cmocka_unit_test(test_cublas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
