// How fast the virtual GPU is: nanoseconds of one core for a warp instruction of each kind, unchecked and
// with all checkers on. Best of several runs. Needs no toolkit. With PTX files of the prototype's kernels as
// arguments (bench/vgpu.sh makes them) their average comes first.
#include "bench/vgpu_engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPEATED = 8, ROUNDS = 2000, RUNS = 12, BUFFER = 1 << 16, LARGE = 1 << 20 };

typedef struct {
    const char *what, *text;           // of one instruction; # is its number, 0 to 7
} Loop;

static const Loop loops[] = {
    { "fma.rn.f32",              "fma.rn.f32 %f#, %f8, %f9, %f#;" },
    { "add.s32",                 "add.s32 %r1#, %r1#, %r2;" },
    { "mul.wide.s32",            "mul.wide.s32 %rd1#, %r1#, %r2;" },
    { "setp, selp",              "setp.lt.f32 %p1, %f#, %f8; selp.f32 %f#, %f9, %f#, %p1;" },
    { "cvt.rna.tf32.f32",        "cvt.rna.tf32.f32 %r1#, %f#;" },
    { "cvt.rn.bf16x2.f32",       "cvt.rn.bf16x2.f32 %r1#, %f#, %f8;" },
    { "ex2.approx.ftz.f32",      "ex2.approx.ftz.f32 %f1#, %f8;" },
    { "ld.global.f32, dense",    "ld.global.f32 %f#, [%rd5+128];" },
    { "ld.global.v4, dense",     "ld.global.v4.f32 {%f0, %f1, %f2, %f#}, [%rd6];" },
    { "st.global.v4, dense",     "st.global.v4.f32 [%rd6], {%f0, %f1, %f2, %f#};" },
    { "ld.shared.f32, scattered", "ld.shared.f32 %f#, [%r4+16];" },
    { "shfl.sync.bfly",          "shfl.sync.bfly.b32 %r1#, %r1#, 8, 31, -1;" },
    { "ldmatrix.x4",             "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r1#},"
                                 " [%r5];" },
    { "cp.async 16, wait",       "cp.async.cg.shared.global [%r5], [%rd6], 16; cp.async.wait_all;" },
    { "mma m16n8k8 tf32",        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3},"
                                 " {%r6, %r6, %r6, %r6}, {%r6, %r6}, {%f0, %f1, %f2, %f3};" },
    { "mma m16n8k16 bf16",       "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f0, %f1, %f2, %f3},"
                                 " {%r6, %r6, %r6, %r6}, {%r6, %r6}, {%f0, %f1, %f2, %f3};" },
    { "mma m16n8k16 f16",        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3},"
                                 " {%r6, %r6, %r6, %r6}, {%r6, %r6}, {%f0, %f1, %f2, %f3};" },
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// A warp that does the instruction REPEATED * ROUNDS times; without text the loop alone.
static void *load_loop(const char *text)
{
    char *ptx;
    size_t size;
    FILE *f = open_memstream(&ptx, &size);
    fprintf(f, ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
               ".reg .pred %%p<4>; .reg .f32 %%f<24>; .reg .b32 %%r<24>; .reg .b64 %%rd<24>;\n"
               ".shared .align 16 .b8 s[8192];\n"
               "mov.u32 %%r1, %%tid.x; mov.u32 %%r2, 7; mov.u32 %%r3, s;\nmul.lo.s32 %%r4, %%r1, 52;\n"
               "add.s32 %%r4, %%r4, %%r3; shl.b32 %%r5, %%r1, 4; add.s32 %%r5, %%r5, %%r3;\n"
               "mov.u32 %%r6, 0x3f800000; ld.param.u64 %%rd4, [p];\n"
               "mul.wide.u32 %%rd5, %%r1, 4; add.s64 %%rd5, %%rd4, %%rd5;\n"
               "mul.wide.u32 %%rd6, %%r1, 16; add.s64 %%rd6, %%rd4, %%rd6;\n"
               "mov.u32 %%r7, %d; mov.u32 %%r8, 0;\n"
               "$fill: shl.b32 %%r9, %%r8, 9; add.s32 %%r9, %%r9, %%r5;\n"
               "st.shared.v4.u32 [%%r9], {%%r8, %%r8, %%r8, %%r8};\n"
               "add.s32 %%r8, %%r8, 1; setp.lt.u32 %%p2, %%r8, 16; @%%p2 bra $fill; bar.sync 0;\n"
               "$again:\n", ROUNDS);
    for (int k = 0; k < REPEATED && text; k++, fputc('\n', f))
        for (const char *c = text; *c; c++)
            fputc(*c == '#' ? '0' + k : *c, f);
    fprintf(f, "add.s32 %%r7, %%r7, -1; setp.ne.u32 %%p3, %%r7, 0; @%%p3 bra $again;\nret;\n}\n");
    fclose(f);
    void *m = engine_load(ptx);
    free(ptx);
    return m;
}

// A launch that is timed.
typedef struct {
    const char  *kernel;
    unsigned     grid[2], threads;
    const void **params;
} Timed;

// Seconds of one run, the best of RUNS; -1: it failed.
static double best_time(void *module, const Timed *t, bool check, uint64_t *instructions)
{
    double best = -1;
    for (int run = 0; run < RUNS; run++) {
        double start = now();
        if (!engine_launch(module, t->kernel, t->grid, t->threads, t->params, check, instructions))
            return -1;
        double seconds = now() - start;
        best = best < 0 || seconds < best ? seconds : best;
    }
    return best;
}

static bool time_loops(void)
{
    uint64_t buffer = engine_alloc(BUFFER);
    if (!buffer)
        return false;
    float *values = engine_host(buffer, BUFFER);
    for (int i = 0; i < BUFFER / 4; i++)
        values[i] = (float)i;
    const void *params[] = { &buffer };
    Timed t = { "k", { 1, 1 }, 32, params };
    void *empty = load_loop(NULL);
    double loop[2] = { best_time(empty, &t, false, NULL), best_time(empty, &t, true, NULL) };
    for (size_t k = 0; k < sizeof loops / sizeof *loops; k++) {
        void *m = load_loop(loops[k].text);
        if (!m)
            return false;
        printf("%-28s", loops[k].what);
        for (int check = 0; check < 2; check++)
            printf(" %9.1f", (best_time(m, &t, check, NULL) - loop[check]) * 1e9 / ROUNDS / REPEATED);
        printf("\n");
        engine_unload(m);
    }
    engine_unload(empty);
    return true;
}

static bool time_kernel(void *module, const Timed *t)
{
    printf("%-28s", t->kernel);
    for (int check = 0; check < 2; check++) {
        uint64_t instructions = 0;
        double seconds = best_time(module, t, check, &instructions);
        if (seconds < 0)
            return false;
        printf(" %9.1f", seconds * 1e9 / (double)instructions);
    }
    printf("\n");
    return true;
}

// alex.cu: a convolution, a pool, a normalization and a softmax at the sizes of the prototype's test.
static bool time_plain_kernels(void *module, uint64_t in, const uint64_t to[2], uint64_t small)
{
    int planes = 256, side = 13, pooled = 6, images = 16, channels = 16, pixels = 169, columns = 1000;
    float k = 2, alpha = 1e-4f, beta = 0.75f;
    const void *conv[] = { &in, &small, &small, &to[0] };
    const void *pool[] = { &in, &to[0], &to[1], &planes, &side, &side, &pooled, &pooled };
    const void *lrn[] = { &in, &to[0], &images, &channels, &pixels, &k, &alpha, &beta };
    const void *softmax[] = { &in, &to[0], &columns };
    return time_kernel(module, &(Timed){ "conv3x3", { 43, 1 }, 64, conv }) &&
           time_kernel(module, &(Timed){ "maxpool3s2", { 36, 1 }, 256, pool }) &&
           time_kernel(module, &(Timed){ "lrn5", { 11, 1 }, 256, lrn }) &&
           time_kernel(module, &(Timed){ "softmax128", { 64, 1 }, 128, softmax });
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, LARGE);
    if (f && text && fread(text, 1, LARGE - 1, f) == 0)
        perror(path);
    if (f)
        fclose(f);
    return text;
}

// tc.ptx has the product of matrices on tensor cores, any other file the plain kernels.
static bool time_file(const char *path, bool is_product)
{
    uint64_t in = engine_alloc(LARGE), to[2] = { engine_alloc(LARGE), engine_alloc(LARGE) };
    uint64_t small = engine_alloc(BUFFER);
    char *text = read_text(path);
    void *module = in && to[0] && to[1] && small && text ? engine_load(text) : NULL;
    free(text);
    if (!module)
        return false;
    float *values[] = { engine_host(in, LARGE), engine_host(small, BUFFER) };
    for (int i = 0; i < LARGE / 4; i++)
        values[0][i] = (float)((i * 7919 >> 3 & 1023) - 512) / 512;
    for (int i = 0; i < BUFFER / 4; i++)
        values[1][i] = (float)((i * 31 & 63) - 32) / 64;
    int size = 64, depth = 128;
    const void *product[] = { &in, &small, &to[0], &size, &size, &depth };
    bool ok = is_product ? time_kernel(module, &(Timed){ "gemm_tc", { 2, 2 }, 64, product })
                         : time_plain_kernels(module, in, to, small);
    engine_unload(module);
    return ok;
}

// bench_vgpu [PLAIN.ptx [PRODUCT.ptx]]
int main(int argc, char **argv)
{
    if (!engine_open())
        return 1;
    printf("%-28s %9s %9s\n", "ns a warp instruction", "plain", "checked");
    for (int i = 1; i < argc; i++)
        if (!time_file(argv[i], i == 2))
            return 1;
    return !time_loops();
}
