// Cubins: their figures agree with ptxas' report and with what the kernels were written to need; each
// instruction of sass.def that matters is found in a kernel that needs it; damaged files do no harm.
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/sass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char err[DEVICE_ERROR];

// What a compilation left: the reader's pointers lead into the output.
typedef struct { NvrtcOutput out; Report report; Cubin cubin; } Made;

static Made make(const char *text, const char *arch)
{
    Nvrtc n;
    Made m;
    if (!nvrtc_find(&n, err)) {
        print_message("skipped: %s\n", err);
        skip();
    }
    assert_true(nvrtc_load(&n, err));
    if (!strcmp(arch, "sm_90a") && n.major < 12)
        skip();
    if (nvrtc_compile(&n, text, "unit.cu", arch, NULL, &m.out, err) != NVRTC_MADE)
        fail_msg("%s\n%s", err, m.out.log);
    assert_true(report_read(&m.report, m.out.log));
    if (!cubin_read(&m.cubin, m.out.cubin, m.out.cubin_size, err))
        fail_msg("%s", err);
    return m;
}

static void discard(Made *m)
{
    cubin_close(&m->cubin);
    report_close(&m->report);
    nvrtc_output_close(&m->out);
}

static const char *const archs[] = { "sm_80", "sm_86", "sm_89", "sm_90a" };

static const char four_kernels[] =
    "__constant__ float c[16];\n"
    "extern \"C\" __global__ void __launch_bounds__(128) k1(float *a, const float *b, int n)\n{\n"
    "    __shared__ float s[512];\n"
    "    s[threadIdx.x * 4] = b[threadIdx.x] * c[n & 15];\n    __syncthreads();\n"
    "    a[threadIdx.x] = s[(threadIdx.x * 4 + 4) & 511];\n}\n"
    "extern \"C\" __global__ void k2(float *a)\n{\n    extern __shared__ float s[];\n"
    "    s[threadIdx.x] = a[0];\n    __syncthreads();\n    a[1] = s[3];\n}\n"
    "extern \"C\" __global__ void k3(float *a, int n)\n{\n    float t[32];\n"
    "    for (int i = 0; i < 32; i++) t[(i * n) & 31] = a[i];\n    a[0] = t[n & 31];\n}\n"
    "extern \"C\" __global__ void __launch_bounds__(64, 1) k4(float *a) { a[threadIdx.x] += 1; }\n";

static void test_agrees_with_the_report(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        Made m = make(four_kernels, archs[i]);
        if (!cubin_check(&m.cubin, &m.report, err))
            fail_msg("%s", err);
        assert_int_equal(m.cubin.kernel_count, 4);
        assert_true(m.cubin.has_lines);
        const CubinKernel *k = cubin_kernel(&m.cubin, "k1");
        assert_int_equal(k->shared, 2048);
        assert_int_equal(k->barriers, 1);
        assert_int_equal(k->most_threads, 128);
        assert_int_equal(k->stack, 0);
        assert_in_range(k->registers, 8, 64);
        assert_in_range(k->constant0, 20, 2048);
        assert_int_equal(cubin_kernel(&m.cubin, "k2")->shared, 0);
        assert_int_equal(cubin_kernel(&m.cubin, "k2")->most_threads, 0);
        assert_int_equal(cubin_kernel(&m.cubin, "k3")->stack, 128);
        assert_true(sass_instructions(cubin_kernel(&m.cubin, "k3"), "LDL") > 0);
        assert_int_equal(cubin_kernel(&m.cubin, "k4")->most_threads, 64);
        assert_null(cubin_kernel(&m.cubin, "k5"));
        discard(&m);
    }
}

// A report that says something else is noticed, whatever it differs in.
static void test_disagreement(void **state)
{
    (void)state;
    Made m = make(four_kernels, "sm_80");
    for (int i = 0; i < m.report.kernel_count; i++) {
        ReportKernel *k = &m.report.kernels[i];
        int *const numbers[] = { &k->registers, &k->stack, &k->shared, &k->constants[0] };
        for (int j = 0; j < 4; j++) {
            ++*numbers[j];
            assert_false(cubin_check(&m.cubin, &m.report, err));
            assert_non_null(strstr(err, k->name));
            --*numbers[j];
        }
    }
    assert_true(cubin_check(&m.cubin, &m.report, err));
    m.report.kernels[1].is_kernel = false;
    assert_false(cubin_check(&m.cubin, &m.report, err));
    discard(&m);
}

// Kernels of one idea each, and the instruction that it cannot do without.
static const struct { const char *name, *body; } needs[] = {
    { "FFMA", "a[i] = a[i] * a[i + 1] + a[i + 2];" },
    { "FADD", "a[i] += a[i + 1];" },
    { "FMUL", "a[i] *= a[i + 1];" },
    { "FMNMX", "a[i] = fmaxf(a[i], 0.f);" },
    { "FSETP", "if (a[i] > a[i + 1]) a[i] = 3;" },
    { "MUFU", "a[i] = rsqrtf(a[i]);" },
    { "I2F", "a[i] = (float)*(const long long *)(a + 2 * i);" },
    { "F2I", "a[i] = __int_as_float((int)a[i]);" },
    { "DFMA", "double *d = (double *)a; d[i] = d[i] * d[i + 1] + d[i + 2];" },
    { "LDG", "a[i] = a[i + 1];" },
    { "STG", "a[i] = 1;" },
    { "LDS", "s[i] = a[i]; __syncthreads(); a[i] = s[i + 1];" },
    { "STS", "s[i] = a[i]; __syncthreads(); a[i] = s[i + 1];" },
    { "BAR", "s[i] = a[i]; __syncthreads(); a[i] = s[i + 1];" },
    { "SHFL", "a[i] += __shfl_xor_sync(~0u, a[i], 1);" },
    { "VOTE", "a[i] = __ballot_sync(~0u, a[i] > 1);" },
    { "ATOMS", "atomicAdd((int *)s + i, 1); __syncthreads(); a[i] = s[i];" },
    { "RED", "atomicAdd((int *)a, 1);" },
    { "ATOMG", "a[i] = atomicCAS((int *)a + 1, 2, 3);" },
    { "LDSM", "unsigned r; asm volatile(\"ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];\" : \"=r\"(r)"
              " : \"r\"(i)); a[i] = r;" },
    { "HMMA", "asm volatile(\"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%0,%0,%0},"
              " {%1,%1,%1,%1}, {%1,%1}, {%0,%0,%0,%0};\" : \"+f\"(a[i]) : \"r\"(i));" },
    { "LDGSTS", "asm volatile(\"cp.async.cg.shared.global [%0], [%1], 16;\" :: \"r\"(i), \"l\"(a + i));" },
    { "LDGDEPBAR", "asm volatile(\"cp.async.commit_group;\");" },
    { "DEPBAR", "asm volatile(\"cp.async.commit_group; cp.async.wait_group 0;\");" },
    { "F2FP", "unsigned r; asm(\"cvt.rn.bf16x2.f32 %0, %1, %2;\" : \"=r\"(r) : \"f\"(a[i]), \"f\"(a[i + 1]));"
              " a[i] = __int_as_float(r);" },
    { "PRMT", "a[i] = __int_as_float(__byte_perm(i, __float_as_int(a[i]), 0x3160));" },
    { "LOP3", "a[i] = __int_as_float(__float_as_int(a[i]) & i | 0x7000);" },
    { "POPC", "a[i] = __popc(__float_as_int(a[i]));" },
    { "MEMBAR", "a[i] = 1; __threadfence(); a[i + 1] = 2;" },
    { "S2R", "a[i] = threadIdx.x + threadIdx.y;" },
    { "EXIT", "a[i] = 1;" },
};
enum { NEEDS = sizeof needs / sizeof needs[0] };

// All of them; kept, since a skipped test frees nothing.
static const char *needs_text(void)
{
    static char *text;
    size_t size;
    free(text);
    FILE *f = open_memstream(&text, &size);
    for (int i = 0; i < NEEDS; i++)
        fprintf(f, "extern \"C\" __global__ void k%d_%s(float *a)\n{\n    __shared__ float s[64];\n"
                "    int i = threadIdx.x;\n    (void)s;\n    %s\n}\n", i, needs[i].name, needs[i].body);
    fclose(f);
    return text;
}

static void test_opcodes(void **state)
{
    (void)state;
    const char *text = needs_text();
    char name[64];
    for (int arch = 0; arch < 4; arch++) {
        Made m = make(text, archs[arch]);
        for (int i = 0; i < NEEDS; i++) {
            snprintf(name, sizeof name, "k%d_%s", i, needs[i].name);
            if (!sass_instructions(cubin_kernel(&m.cubin, name), needs[i].name))
                fail_msg("%s: no %s", archs[arch], name);
            SassCount rows[SASS_OPCODES];
            int count = sass_count(cubin_kernel(&m.cubin, name), rows), sum = 0;
            for (int row = 0; row < count; sum += rows[row++].count)
                if (!rows[row].name)
                    fail_msg("%s %s: opcode %03x has no name", archs[arch], name, rows[row].opcode);
            assert_int_equal(sum, cubin_kernel(&m.cubin, name)->instructions);
        }
        discard(&m);
    }
}

// The name that sass.def has for nvdisasm's.
static const char *own_name(const char *name)
{
    return !strcmp(name, "REDG") ? "RED" : !strcmp(name, "CGAERRBAR") ? "ERRBAR" : name;
}

// Counts the instructions of a disassembly by name: "/*0010*/  @P0 LDG.E R0, ...".
static int count_in_text(const char *text, const char *wanted, int *all)
{
    char name[32];
    int count = *all = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, "/*", 2) || !(at = strstr(at, "*/")))
            continue;
        at += 2 + strspn(at + 2, " \t{");
        if (*at == '@')
            at += strcspn(at, " "), at += strspn(at, " ");
        if (sscanf(at, "%31[A-Z0-9_]", name) == 1) {
            ++*all;
            count += !strcmp(own_name(name), wanted);
        }
    }
    return count;
}

static void test_nvdisasm_counts_the_same(void **state)
{
    (void)state;
    const char *text = needs_text();
    char path[PATH_MAX];
    if (!sass_find_nvdisasm(path, err)) {
        print_message("skipped: %s\n", err);
        skip();
    }
    for (int arch = 0; arch < 4; arch++) {
        Made m = make(text, archs[arch]);
        char *sass = sass_disassemble(path, m.out.cubin, m.out.cubin_size, err);
        if (!sass)
            fail_msg("%s", err);
        assert_non_null(strstr(sass, "//## File"));
        int all;
        for (int i = 0; i < NEEDS; i++) {
            int own = 0, own_all = 0;
            for (int k = 0; k < m.cubin.kernel_count; k++) {
                own += sass_instructions(&m.cubin.kernels[k], needs[i].name);
                own_all += m.cubin.kernels[k].instructions;
            }
            assert_int_equal(own, count_in_text(sass, needs[i].name, &all));
            assert_int_equal(own_all, all);
        }
        free(sass);
        discard(&m);
    }
}

static void test_nvdisasm_missing_or_failing(void **state)
{
    (void)state;
    char path[PATH_MAX], *old = strdup(getenv("PATH")), *home = getenv("CUDA_HOME");
    home = home ? strdup(home) : NULL;
    setenv("PATH", "/nowhere", 1);
    unsetenv("CUDA_HOME");
    if (!sass_find_nvdisasm(path, err))
        assert_non_null(strstr(err, "pip install nvidia-cuda-nvdisasm"));
    setenv("PATH", old, 1);
    if (home)
        setenv("CUDA_HOME", home, 1);
    free(old);
    free(home);
    assert_null(sass_disassemble("/bin/false", "x", 1, err));
    assert_non_null(strstr(err, "nvdisasm fails"));
    assert_null(sass_disassemble("/nowhere/nvdisasm", "x", 1, err));
    assert_non_null(strstr(err, "cannot be started"));
}

// --- damage ---------------------------------------------------------------------------------------

// Reads a copy that ends where its allocation ends, so that a byte too far is seen.
static bool read_copy(const char *bytes, size_t size, const Report *report)
{
    Cubin c;
    SassCount rows[SASS_OPCODES];
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    bool good = cubin_read(&c, copy, size, err);
    for (int i = 0; good && i < c.kernel_count; i++)
        assert_true(strlen(c.kernels[i].name) > 0 && sass_count(&c.kernels[i], rows) >= 0);
    if (good)
        cubin_check(&c, report, err);
    cubin_close(&c);
    free(copy);
    return good;
}

static void damage(const char *arch)
{
    Made m = make(four_kernels, arch);
    size_t size = m.out.cubin_size;
    char *bytes = malloc(size);
    assert_non_null(bytes);
    int whole = 0, table = 0;
    Report *r = &m.report;
    for (size_t length = 0; length < size; length += length < 200 ? 1 : 97)
        assert_false(read_copy(m.out.cubin, length, r));             // its last bytes are tables
    srand(1);
    size_t sections;
    memcpy(&sections, m.out.cubin + 40, sizeof sections);
    for (int i = 0; i < 6000; i++) {
        memcpy(bytes, m.out.cubin, size);
        // Half of the damage where it matters: the head and the table of sections.
        bool in_table = i % 2;
        for (int n = 0; n <= i % 3; n++) {
            size_t at = in_table && i % 4 == 1 ? (size_t)rand() % 64
                : in_table ? sections + (size_t)rand() % (size - sections) : (size_t)rand() % size;
            bytes[at] = (char)(bytes[at] ^ (i % 8 < 4 ? 1 << rand() % 8 : 1 + rand() % 255));
        }
        bool good = read_copy(bytes, size, r);
        whole += good;
        table += in_table && !good;
    }
    assert_in_range(whole, 500, 6000);                               // damage to code is not seen
    assert_true(table > 100);
    free(bytes);
    discard(&m);
}

static void test_damaged_cubins(void **state)
{
    (void)state;
    damage("sm_80");
    damage("sm_90a");
}

static void test_no_cubin(void **state)
{
    (void)state;
    Report empty = { 0 };
    char zeros[4096] = { 0 };
    assert_false(read_copy(zeros, 0, &empty));
    assert_false(read_copy(zeros, sizeof zeros, &empty));
    assert_non_null(strstr(err, "no 64-bit ELF for CUDA"));
    FILE *f = fopen("/proc/self/exe", "rb");                         // an ELF, but of this machine
    assert_non_null(f);
    assert_int_equal(fread(zeros, 1, sizeof zeros, f), sizeof zeros);
    fclose(f);
    assert_false(read_copy(zeros, sizeof zeros, &empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_report),
        cmocka_unit_test(test_disagreement),
        cmocka_unit_test(test_opcodes),
        cmocka_unit_test(test_nvdisasm_counts_the_same),
        cmocka_unit_test(test_nvdisasm_missing_or_failing),
        cmocka_unit_test(test_damaged_cubins),
        cmocka_unit_test(test_no_cubin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
