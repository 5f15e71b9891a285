// A program that knows nothing of this project: it loads libcuda.so.1, wherever that is, and adds vectors.
// With `beyond` it launches one block too many for its buffers, with `unordered` it forgets to wait.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 256 };
typedef unsigned long long Pointer;

static const char ptx[] =
    ".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"add.cu\"\n"
    ".visible .entry add(.param .u64 a, .param .u64 b)\n{\n"
    ".reg .f32 %f<4>; .reg .b32 %r<5>; .reg .b64 %rd<6>;\n"
    "ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b];\n"
    "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;\n"
    "mul.wide.s32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n"
    ".loc 1 12 0\nld.global.f32 %f1, [%rd4]; ld.global.f32 %f2, [%rd5]; add.f32 %f3, %f1, %f2;\n"
    ".loc 1 13 0\nst.global.f32 [%rd4], %f3; ret;\n}\n";

static void *library;

// Calls a function of the driver by its name; ends the program when it fails.
#define CALL(name, types, ...)                                                        \
    do {                                                                              \
        int (*call_) types;                                                           \
        *(void **)&call_ = dlsym(library, name);                                      \
        int result_ = call_ ? call_(__VA_ARGS__) : -1;                                \
        if (result_) {                                                                \
            printf("%s: %d\n", name, result_);                                        \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

int main(int argc, char **argv)
{
    void *context, *module, *add, *copies, *kernels;
    Pointer a, b;
    static float one[N], two[N], sum[N];
    int beyond = argc > 1 && !strcmp(argv[1], "beyond");
    int unordered = argc > 1 && !strcmp(argv[1], "unordered");
    for (int k = 0; k < N; k++)
        one[k] = (float)k, two[k] = 1;
    if (!(library = dlopen("libcuda.so.1", RTLD_NOW)))
        return printf("%s\n", dlerror()), 2;
    CALL("cuInit", (unsigned), 0);
    CALL("cuDevicePrimaryCtxRetain", (void **, int), &context, 0);
    CALL("cuCtxSetCurrent", (void *), context);
    CALL("cuModuleLoadData", (void **, const void *), &module, ptx);
    CALL("cuModuleGetFunction", (void **, void *, const char *), &add, module, "add");
    CALL("cuMemAlloc_v2", (Pointer *, size_t), &a, sizeof one);
    CALL("cuMemAlloc_v2", (Pointer *, size_t), &b, sizeof two);
    CALL("cuStreamCreate", (void **, unsigned), &copies, 1);
    CALL("cuStreamCreate", (void **, unsigned), &kernels, 1);
    CALL("cuMemcpyHtoDAsync_v2", (Pointer, const void *, size_t, void *), a, one, sizeof one, copies);
    CALL("cuMemcpyHtoDAsync_v2", (Pointer, const void *, size_t, void *), b, two, sizeof two, copies);
    if (!unordered)
        CALL("cuStreamSynchronize", (void *), copies);
    CALL("cuLaunchKernel",
         (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **,
          void **),
         add, N / 64 + (unsigned)beyond, 1, 1, 64, 1, 1, 0, kernels, (void *[]){ &a, &b }, NULL);
    CALL("cuStreamSynchronize", (void *), kernels);
    CALL("cuMemcpyDtoH_v2", (void *, Pointer, size_t), sum, a, sizeof sum);
    printf("%g %g\n", sum[0], sum[N - 1]);
    CALL("cuMemFree_v2", (Pointer), a);
    CALL("cuMemFree_v2", (Pointer), b);
    CALL("cuStreamDestroy_v2", (void *), copies);
    CALL("cuStreamDestroy_v2", (void *), kernels);
    CALL("cuModuleUnload", (void *), module);
    CALL("cuDevicePrimaryCtxRelease_v2", (int), 0);
    return 0;
}
