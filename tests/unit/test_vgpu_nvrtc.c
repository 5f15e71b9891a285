// From CUDA text by NVRTC through the virtual GPU to numbers, against C; and what it finds in kernels that
// are wrong, with the lines of their text. Skipped where there is no NVRTC.
#include "reference/cuda_text.h"
#include "runtime/vgpu/vgpu.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char err[VGPU_ERROR];

static VgpuModule *compile(const char *text)
{
    static Nvrtc n;
    char why[DEVICE_ERROR];
    NvrtcOutput out;
    if (!cuda_open_nvrtc(&n))
        skip();
    if (nvrtc_compile(&n, text, "unit.cu", "sm_80", NULL, &out, why) != NVRTC_MADE)
        fail_msg("%s\n%s", why, out.log ? out.log : "");
    VgpuModule *m = vgpu_module_load(out.ptx, err);
    if (!m)
        fail_msg("%s", err);
    nvrtc_output_close(&out);
    return m;
}

typedef struct { void *at; size_t bytes; const char *name; } Array;

// Launches with pointers to buffers and then one number; true: nothing was found.
static bool launch(const VgpuModule *m, const char *kernel, unsigned blocks, unsigned threads,
                   const Array *b, int count, int number, VgpuReports *reports)
{
    const void *params[8];
    VgpuMemory *memory = vgpu_memory_open();
    for (int k = 0; k < count; k++) {
        vgpu_memory_add(memory, b[k].at, b[k].bytes, b[k].name);
        params[k] = &b[k].at;
    }
    params[count] = &number;
    VgpuLaunch l = { .grid = { blocks, 1, 1 }, .block = { threads, 1, 1 }, .params = params, .check = true,
                     .memory = memory, .reports = reports };
    bool ok = vgpu_launch(m, kernel, &l, err);
    vgpu_memory_close(memory);
    return ok;
}

// --- functions and integers ------------------------------------------------------------------------

static const char functions_text[] =
    "extern \"C\" __global__ void functions(const float *x, const float *y, float *to, int n)\n{\n"
    "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i >= n) return;\n"
    "    float a = x[i], b = y[i];\n"
    "    to[i] = expf(a); to[n + i] = logf(b); to[2 * n + i] = tanhf(a); to[3 * n + i] = powf(b, a);\n"
    "    to[4 * n + i] = sqrtf(b); to[5 * n + i] = rsqrtf(b); to[6 * n + i] = a / b;\n"
    "    to[7 * n + i] = sinf(a);\n"
    "    to[8 * n + i] = cosf(1000 * a); to[9 * n + i] = erff(a); to[10 * n + i] = fmodf(a, b);\n"
    "    to[11 * n + i] = 1 / (1 + expf(-a)); to[12 * n + i] = cbrtf(a); to[13 * n + i] = floorf(a);\n"
    "    to[14 * n + i] = log1pf(b); to[15 * n + i] = (float)exp((double)a);\n}\n";

static double function(int k, double a, double b)
{
    switch (k) {
    case 0: return exp(a);
    case 1: return log(b);
    case 2: return tanh(a);
    case 3: return pow(b, a);
    case 4: return sqrt(b);
    case 5: return 1 / sqrt(b);
    case 6: return a / b;
    case 7: return sin(a);
    case 8: return cos((double)(1000 * (float)a));
    case 9: return erf(a);
    case 10: return fmod(a, b);
    case 11: return 1 / (1 + exp(-a));
    case 12: return cbrt(a);
    case 13: return floor(a);
    case 14: return log1p(b);
    default: return exp(a);
    }
}

static void test_functions(void **state)
{
    (void)state;
    enum { N = 500, FUNCTIONS = 16 };
    VgpuModule *m = compile(functions_text);
    static float x[N], y[N], to[FUNCTIONS * N];
    for (int i = 0; i < N; i++) {
        x[i] = (float)((i * 37 % N) - N / 2) * 0.037f;
        y[i] = (float)(i + 1) * 0.021f;
    }
    Array b[] = { { x, sizeof x, "x" }, { y, sizeof y, "y" }, { to, sizeof to, "to" } };
    if (!launch(m, "functions", 4, 128, b, 3, N, NULL))
        fail_msg("%s", err);
    for (int k = 0; k < FUNCTIONS; k++)
        for (int i = 0; i < N; i++) {
            double should = function(k, x[i], y[i]), is = to[k * N + i];
            double near_zero = k == 3 || k == 7 || k == 8 ? 1e-6 : 1e-37;
            if (fabs(is - should) > 1e-6 * fabs(should) + near_zero)
                fail_msg("function %d of %g, %g: %.9g, not %.9g", k, (double)x[i], (double)y[i], is, should);
        }
    vgpu_module_close(m);
}

static const char integers_text[] =
    "typedef unsigned u32; typedef long long s64; typedef unsigned long long u64;\n"
    "extern \"C\" __global__ void integers(const u64 *x, const u64 *y, u64 *to, int n)\n{\n"
    "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i >= n) return;\n"
    "    u64 a = x[i], b = y[i] | 1;\n"
    "    s64 c = (s64)a, d = (s64)b; int e = (int)a, f = (int)b;\n"
    "    to[i] = a / b; to[n + i] = a % b; to[2 * n + i] = c / d; to[3 * n + i] = c % d;\n"
    "    to[4 * n + i] = e / f;\n"
    "    to[5 * n + i] = (u32)a % (u32)b; to[6 * n + i] = e / 7; to[7 * n + i] = a / 1000003;\n"
    "    to[8 * n + i] = __popcll(a) * 10000 + __clz(e) * 100 + __ffs(f); to[9 * n + i] = __brevll(a);\n"
    "    to[10 * n + i] = __umul64hi(a, b);\n    to[11 * n + i] = __byte_perm((u32)a, (u32)b, 0x2714);\n"
    "    to[12 * n + i] = c >> (f & 63); to[13 * n + i] = (u64)(float)a;\n"
    "    to[14 * n + i] = (short)e * (char)f;\n"
    "    to[15 * n + i] = a << (b & 63) | a >> (64 - (b & 63) & 63);\n}\n";

static uint64_t integer(int k, uint64_t a, uint64_t b)
{
    int64_t c = (int64_t)a, d = (int64_t)b;
    int32_t e = (int32_t)a, f = (int32_t)b;
    uint64_t r = 0;
    uint8_t bytes[8];
    switch (k) {
    case 0: return a / b;
    case 1: return a % b;
    case 2: return (uint64_t)(d == -1 ? -c : c / d);
    case 3: return (uint64_t)(d == -1 ? 0 : c % d);
    case 4: return (uint64_t)(int64_t)(f == -1 ? (int32_t)(0u - (uint32_t)e) : e / f);
    case 5: return (uint32_t)a % (uint32_t)b;
    case 6: return (uint64_t)(int64_t)(e / 7);
    case 7: return a / 1000003;
    case 8: return (uint64_t)(__builtin_popcountll(a) * 10000 + (e ? __builtin_clz((uint32_t)e) : 32) * 100
                              + __builtin_ffs(f));
    case 9:
        for (int i = 0; i < 64; i++)
            r |= (a >> i & 1) << (63 - i);
        return r;
    case 10: return (uint64_t)((__extension__ (unsigned __int128)a * b) >> 64);
    case 11:
        memcpy(bytes, &a, 4);
        memcpy(bytes + 4, &b, 4);
        return bytes[4] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[7] << 16 | (uint32_t)bytes[2] << 24;
    case 12: return (uint64_t)(c >> (f & 63));
    case 13: return (uint64_t)(float)a;
    case 14: return (uint64_t)(int64_t)((int16_t)e * (int8_t)f);
    default: return a << (b & 63) | a >> ((64 - (b & 63)) & 63);
    }
}

static void test_integers(void **state)
{
    (void)state;
    enum { N = 1000, COUNT = 16 };
    VgpuModule *m = compile(integers_text);
    static uint64_t x[N], y[N], to[COUNT * N];
    uint64_t seed = 1;
    for (int i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x[i] = (seed ^ seed >> 31) >> i % 41;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        y[i] = i % 50 == 0 ? UINT64_MAX : (seed ^ seed >> 31) >> i * 7 % 63;
    }
    Array b[] = { { x, sizeof x, "x" }, { y, sizeof y, "y" }, { to, sizeof to, "to" } };
    if (!launch(m, "integers", 8, 128, b, 3, N, NULL))
        fail_msg("%s", err);
    for (int k = 0; k < COUNT; k++)
        for (int i = 0; i < N; i++)
            if (to[k * N + i] != integer(k, x[i], y[i] | 1))
                fail_msg("integer %d of %llx, %llx: %llx, not %llx", k, (long long)x[i], (long long)y[i] | 1,
                         (long long)to[k * N + i], (long long)integer(k, x[i], y[i] | 1));
    vgpu_module_close(m);
}

// --- a block together: a column of a matrix product on tensor cores ----------------------------------

// c[64][32] = a[64][n] * b[32][n]^T: copies in the background, matrix loads, products; -D names its faults.
static const char product_text[] =
    "typedef unsigned u32;\n"
    "static __device__ __forceinline__ u32 at(const void *p) { return (u32)__cvta_generic_to_shared(p); }\n"
    "static __device__ __forceinline__ void copy(const void *to, const void *from) {\n"
    "    asm volatile(\"cp.async.cg.shared.global [%0], [%1], 16;\"\n"
    "        :: \"r\"(at(to)), \"l\"(from) : \"memory\"); }\n"
    "static __device__ __forceinline__ void load4(u32 *r, const void *p) {\n"
    "    asm volatile(\"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\"\n"
    "        : \"=r\"(r[0]), \"=r\"(r[1]), \"=r\"(r[2]), \"=r\"(r[3]) : \"r\"(at(p)) : \"memory\"); }\n"
    "static __device__ __forceinline__ void mma(float *d, const u32 *a, u32 b0, u32 b1) {\n"
    "    asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 \"\n"
    "        \"{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\"\n"
    "        : \"+f\"(d[0]), \"+f\"(d[1]), \"+f\"(d[2]), \"+f\"(d[3])\n"
    "        : \"r\"(a[0]), \"r\"(a[1]), \"r\"(a[2]), \"r\"(a[3]), \"r\"(b0), \"r\"(b1)); }\n"
    "extern \"C\" __global__ void __launch_bounds__(128) product(\n"
    "    const float *a, const float *b, float *c, int n)\n{\n"
    "    static __shared__ __align__(16) float as[2][64][12], bs[2][32][12];\n"
    "    int t = threadIdx.x, lane = t % 32, warp = t / 32;\n    float sum[4][4] = {};\n"
    "    int row = t / 2, part = t % 2 * 4;\n"
    "    for (int k = -8; k < n; k += 8) {\n"
    "        int next = k + 8, slot = next / 8 % 2, cur = slot ^ 1;\n"
    "        if (next < n) {\n"
    "            copy(&as[slot][row][part], a + row * n + next + part);\n"
    "            if (t < 64) copy(&bs[slot][row][part], b + row * n + next + part);\n"
    "        }\n"
    "        asm volatile(\"cp.async.commit_group;\" ::: \"memory\");\n"
    "        if (k < 0) continue;\n"
    "        asm volatile(\"cp.async.wait_group %0;\" :: \"n\"(WAIT) : \"memory\");\n"
    "        SYNC;\n"
    "        u32 x[4], y[2][4];\n"
    "        load4(x, &as[cur][warp * 16 + lane % 16][lane / 16 * 4]);\n"
    "        for (int j = 0; j < 2; j++)\n"
    "            load4(y[j], &bs[cur][j * 16 + lane % 8 + lane / 16 * 8][lane / 8 % 2 * 4]);\n"
    "        for (int j = 0; j < 4; j++)\n"
    "            mma(sum[j], x, y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]);\n"
    "        __syncthreads();\n    }\n"
    "    for (int j = 0; j < 4; j++) {\n"
    "        float *to = c + (warp * 16 + lane / 4) * 32 + j * 8 + lane % 4 * 2 + SHIFT;\n"
    "        to[0] = sum[j][0]; to[1] = sum[j][1]; to[256] = sum[j][2]; to[257] = sum[j][3];\n    }\n}\n";

typedef struct { float a[64 * 40], b[32 * 40], c[64 * 32]; } Product;

static void fill_product(Product *p)
{
    for (int i = 0; i < 64 * 40; i++)
        p->a[i] = (float)(i * 7 % 23 - 11) / 16;
    for (int i = 0; i < 32 * 40; i++)
        p->b[i] = (float)(i * 5 % 19 - 9) / 16;
    memset(p->c, 0, sizeof p->c);
}

static bool run_product(Product *p, const char *wait, const char *sync, const char *shift,
                        VgpuReports *reports)
{
    char text[8192];
    snprintf(text, sizeof text, "#define WAIT %s\n#define SYNC %s\n#define SHIFT %s\n"
             "#line 1 \"product.cu\"\n%s", wait, sync, shift, product_text);
    VgpuModule *m = compile(text);
    Array b[] = { { p->a, sizeof p->a, "a" }, { p->b, sizeof p->b, "b" }, { p->c, sizeof p->c, "c" } };
    bool ok = launch(m, "product", 1, 128, b, 3, 40, reports);
    for (int k = 0; k < reports->count; k++)                 // names of the module do not outlive it
        reports->list[k].kernel = reports->list[k].file = "";
    vgpu_module_close(m);
    return ok;
}

static void test_product(void **state)
{
    (void)state;
    static Product p;
    VgpuReports r = { 0 };
    fill_product(&p);
    if (!run_product(&p, "1", "__syncthreads()", "0", &r))
        fail_msg("%s", err);
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 32; x++) {
            double should = 0;
            for (int k = 0; k < 40; k++)
                should += (double)p.a[y * 40 + k] * (double)p.b[x * 40 + k];
            if (fabs(p.c[y * 32 + x] - should) > 1e-6)
                fail_msg("[%d][%d]: %g, not %g", y, x, (double)p.c[y * 32 + x], should);
        }
}

static void expect(VgpuReports *r, VgpuFault fault, const char *line)
{
    assert_true(r->count > 0);
    assert_int_equal(r->list[0].fault, fault);
    if (!strstr(err, line))
        fail_msg("'%s' does not name %s", err, line);
    vgpu_reports_close(r);
}

static void test_faults_of_the_product(void **state)
{
    (void)state;
    static Product p;
    VgpuReports r = { 0 };
    fill_product(&p);
    assert_false(run_product(&p, "2", "__syncthreads()", "0", &r));
    expect(&r, VGPU_NOT_WAITED, "product.cu:32): product block 0,0,0 thread 0,0,0 reads");
    assert_false(run_product(&p, "1", "__syncwarp()", "0", &r));          // the other warps have yet to come
    expect(&r, VGPU_UNINITIALISED, "product.cu:3");
    assert_false(run_product(&p, "1", "__syncthreads()", "2", &r));
    expect(&r, VGPU_OUT_OF_BOUNDS, "product.cu:41: product block 0,0,0 thread 127,0,0 writes 4 bytes 0 bytes "
           "behind the end of 'c'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_faults_of_the_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
