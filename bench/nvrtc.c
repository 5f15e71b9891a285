// How long NVRTC takes for kernels the size of a contraction, by 1, 2 and 4 threads, and how long the
// same units take from the cache: bench_nvrtc [UNITS]. CPU seconds tell what a busy machine hides: if
// threads waited for each other they would stay, if they spun they would grow.
#include "base/clock.h"
#include "runtime/cuda/build.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MOST_UNITS = 256, TEXT = 2048 };

// An 8x8 register tile, 16 steps unrolled: about 2000 instructions, as a contraction has.
static void write_text(char text[TEXT], int number)
{
    snprintf(text, TEXT,
        "extern \"C\" __global__ void __launch_bounds__(256)\n"
        "k%d(float *c, const float *a, const float *b)\n{\n"
        "    __shared__ float sa[2048], sb[2048];\n    float sum[8][8] = { };\n"
        "    int x = threadIdx.x & 15, y = threadIdx.x >> 4;\n"
        "    for (int k = 0; k < %d; k++) {\n        __syncthreads();\n"
        "        for (int i = 0; i < 8; i++) {\n"
        "            sa[threadIdx.x + 256 * i] = a[k * 2048 + threadIdx.x + 256 * i];\n"
        "            sb[threadIdx.x + 256 * i] = b[k * 2048 + threadIdx.x + 256 * i];\n        }\n"
        "        __syncthreads();\n#pragma unroll\n        for (int t = 0; t < 16; t++)\n"
        "#pragma unroll\n            for (int i = 0; i < 8; i++)\n#pragma unroll\n"
        "                for (int j = 0; j < 8; j++)\n"
        "                    sum[i][j] += sa[t * 128 + y * 8 + i] * sb[t * 128 + x * 8 + j];\n    }\n"
        "#pragma unroll\n    for (int i = 0; i < 8; i++)\n#pragma unroll\n"
        "        for (int j = 0; j < 8; j++) c[(y * 8 + i) * 128 + x * 8 + j] = sum[i][j];\n}\n",
        number, 100 + number);
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
        + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static bool measure(Nvrtc *n, const CudaUnit *units, int count, const CudaBuildOptions *o, const char *what)
{
    static CudaBuilt built[MOST_UNITS];
    char err[DEVICE_ERROR];
    double from = clock_seconds(), cpu_from = cpu();
    bool good = cuda_build(n, units, count, o, built, err);
    printf("%-16s %8.3f s, %8.3f s of CPU\n", what, clock_seconds() - from, cpu() - cpu_from);
    if (!good)
        fprintf(stderr, "nvrtc: %s\n", err);
    cuda_built_close(built, count);
    return good;
}

int main(int argc, char **argv)
{
    static char texts[MOST_UNITS][TEXT];
    static CudaUnit units[MOST_UNITS];
    char err[DEVICE_ERROR], folder[] = "/tmp/cleave-nvrtc-XX" "XX" "XX", command[64];
    int count = argc > 1 ? atoi(argv[1]) : 24;
    Nvrtc n;
    if (count < 1 || count > MOST_UNITS || !nvrtc_find(&n, err) || !nvrtc_load(&n, err) || !mkdtemp(folder)) {
        fprintf(stderr, "nvrtc: %s\n", count < 1 || count > MOST_UNITS ? "1 to 256 units" : err);
        return 1;
    }
    setenv("XDG_CACHE_HOME", folder, 1);
    for (int i = 0; i < count; i++) {
        write_text(texts[i], i);
        units[i] = (CudaUnit){ "unit.cu", "sm_90a", texts[i] };
    }
    printf("NVRTC %d.%d, %d units\n", n.major, n.minor, count);
    CudaBuildOptions o = { .threads = 1, .without_cache = true };
    bool good = measure(&n, units, 1, &o, "the first unit");
    for (o.threads = 1; o.threads <= 4; o.threads *= 2) {
        char what[32];
        snprintf(what, sizeof what, "%d threads", o.threads);
        good = measure(&n, units, count, &o, what) && good;
    }
    o.without_cache = false;
    good = measure(&n, units, count, &o, "into the cache") && measure(&n, units, count, &o, "from the cache")
        && good;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) || !good;
}
