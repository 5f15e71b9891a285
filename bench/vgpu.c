// How fast the virtual GPU is: nanoseconds of one core for a warp instruction of each kind, unchecked and
// with all checkers on. Best of several runs. Needs no toolkit.
#include "runtime/vgpu/vgpu.h"
#include <stdlib.h>
#include <time.h>

enum { REPEATED = 8, ROUNDS = 2000, RUNS = 12, BUFFER = 1 << 16 };

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
static VgpuModule *load_loop(const char *text)
{
    char *ptx, err[VGPU_ERROR];
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
    VgpuModule *m = vgpu_module_load(ptx, err);
    if (!m)
        fprintf(stderr, "%s\n", err);
    free(ptx);
    return m;
}

// Seconds of one run, the best of RUNS; -1: it failed.
static double best_time(const VgpuModule *m, bool check, VgpuMemory *memory, void *buffer)
{
    double best = -1;
    char err[VGPU_ERROR];
    const void *params[] = { &buffer };
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 32, 1, 1 }, .params = params, .check = check,
                     .memory = memory };
    for (int run = 0; run < RUNS; run++) {
        double start = now();
        if (!vgpu_launch(m, "k", &l, err)) {
            fprintf(stderr, "%s\n", err);
            return -1;
        }
        double t = now() - start;
        best = best < 0 || t < best ? t : best;
    }
    return best;
}

int main(void)
{
    float *buffer = aligned_alloc(256, BUFFER);
    VgpuMemory *memory = vgpu_memory_open();
    if (!buffer || !memory || !vgpu_memory_add(memory, buffer, BUFFER, "buffer"))
        return 1;
    for (int i = 0; i < BUFFER / 4; i++)
        buffer[i] = (float)i;
    VgpuModule *empty = load_loop(NULL);
    double loop[2] = { best_time(empty, false, memory, buffer), best_time(empty, true, memory, buffer) };
    printf("%-28s %9s %9s\n", "ns a warp instruction", "plain", "checked");
    for (size_t k = 0; k < sizeof loops / sizeof *loops; k++) {
        VgpuModule *m = load_loop(loops[k].text);
        if (!m)
            return 1;
        printf("%-28s", loops[k].what);
        for (int check = 0; check < 2; check++)
            printf(" %9.1f", (best_time(m, check, memory, buffer) - loop[check]) * 1e9 / ROUNDS / REPEATED);
        printf("\n");
        vgpu_module_close(m);
    }
    vgpu_module_close(empty);
    vgpu_memory_close(memory);
    free(buffer);
    return 0;
}
