// A program that knows nothing of this project: it loads libcuda.so.1, wherever that is, and adds vectors.
// With `beyond` it launches one block too many for its buffers, with `unordered` it forgets to wait.
#include <dlfcn.h>
#include <stdio.h>

enum { N = 256 };
typedef unsigned long long Pointer;

static const char ptx[] =
    ".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"add.cu\"\n"
    ".visible .entry add(.param .u64 a, .param .u64 b)\n{\n"
    ".reg .f32 %f<4>; .reg .b32 %r<5>; .reg .b64 %rd<6>; ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b];\n"
    "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;\n"
    "mul.wide.s32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n"
    ".loc 1 12 0\nld.global.f32 %f1, [%rd4]; ld.global.f32 %f2, [%rd5]; add.f32 %f3, %f1, %f2;\n"
    ".loc 1 13 0\nst.global.f32 [%rd4], %f3; ret;\n}\n";

// Calls a function of the driver by its name; ends the program when it fails.
#define CALL(name, types, ...)                                                                \
    do {                                                                                      \
        int (*call_) types = (int (*) types)dlsym(library, name), result_ = call_(__VA_ARGS__); \
        if (result_)                                                                          \
            return printf("%s: %d\n", name, result_), 1;                                      \
    } while (0)

int main(int argc, char **argv)
{
    static float from[2][N], sum[N];
    char fault = argc > 1 ? argv[1][0] : ' ';
    void *context, *module, *add, *streams[2], *library = dlopen("libcuda.so.1", RTLD_NOW);
    Pointer at[2];
    for (int k = 0; k < N; k++)
        from[0][k] = (float)k, from[1][k] = 1;
    if (!library)
        return printf("%s\n", dlerror()), 2;
    CALL("cuInit", (unsigned), 0);
    CALL("cuCtxCreate_v2", (void **, unsigned, int), &context, 0, 0);
    CALL("cuModuleLoadData", (void **, const void *), &module, ptx);
    CALL("cuModuleGetFunction", (void **, void *, const char *), &add, module, "add");
    for (int k = 0; k < 2; k++) {
        CALL("cuMemAlloc_v2", (Pointer *, size_t), &at[k], sizeof sum);
        CALL("cuStreamCreate", (void **, unsigned), &streams[k], 1);
        CALL("cuMemcpyHtoDAsync_v2", (Pointer, void *, size_t, void *), at[k], from[k], sizeof sum, *streams);
    }
    if (fault != 'u')
        CALL("cuStreamSynchronize", (void *), streams[0]);
    typedef unsigned U;
    CALL("cuLaunchKernel", (void *, U, U, U, U, U, U, U, void *, void **, void **), add,
         N / 64 + (fault == 'b'), 1, 1, 64, 1, 1, 0, streams[1], (void *[]){ &at[0], &at[1] }, NULL);
    CALL("cuStreamSynchronize", (void *), streams[1]);
    CALL("cuMemcpyDtoH_v2", (void *, Pointer, size_t), sum, at[0], sizeof sum);
    printf("%g %g\n", sum[0], sum[N - 1]);
    for (int k = 0; k < 2; k++) {
        CALL("cuMemFree_v2", (Pointer), at[k]);
        CALL("cuStreamDestroy_v2", (void *), streams[k]);
    }
    CALL("cuModuleUnload", (void *), module);
    CALL("cuCtxDestroy_v2", (void *), context);
    return 0;
}
