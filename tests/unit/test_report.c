// Reports: places, columns and details of NVRTC's messages, ptxas' lines for each kernel; then real
// compilations with planted faults, reported at the #line they stand at.
#include "runtime/cuda/nvrtc.h"
#include "runtime/cuda/report.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char err[DEVICE_ERROR];

static void check(const ReportMessage *m, ReportKind kind, const char *file, int line, int column,
                  const char *text)
{
    assert_int_equal(m->kind, kind);
    assert_string_equal(m->file ? m->file : "", file);
    assert_int_equal(m->line, line);
    assert_int_equal(m->column, column);
    assert_string_equal(m->text, text);
}

static const char front_end_log[] =
    "kernels/cuda/a (b).cu(6): error: identifier \"c\" is undefined\n"
    "      a[n] = b[n] + c;\n"
    "                    ^\n"
    "\n"
    "nets/x.net(100): error: no instance of overloaded function \"f\" matches the argument list\n"
    "            argument types are: (int, int, int)\n"
    "  __device__ int f(int a, int) { return f(1,2,3); }\n"
    "                                        ^\n"
    "nets/x.net(99): note #3322-D: number of parameters does not match the call\n"
    "  __device__ int f(int a) { return a; }\n"
    "                 ^\n"
    "\n"
    "pool.cu(5): warning #177-D: variable \"unused\" was declared but never referenced\n"
    "  \tint unused;\n"
    "  \t    ^\n"
    "\n"
    "Remark: The warnings can be suppressed with \"-diag-suppress <warning-number>\"\n"
    "\n"
    "x.cu(7): catastrophic error: cannot open source file \"nothere.h\"\n"
    "  #include \"nothere.h\"\n"
    "                      ^\n"
    "\n"
    "3 errors detected in the compilation of \"unit.cu\".\n"
    "Compilation terminated.\n";

static void test_front_end(void **state)
{
    (void)state;
    Report r;
    assert_true(report_read(&r, front_end_log));
    assert_int_equal(r.message_count, 6);
    assert_int_equal(r.errors, 3);
    const ReportMessage *m = r.messages;
    check(m, REPORT_ERROR, "kernels/cuda/a (b).cu", 6, 19, "identifier \"c\" is undefined");
    assert_string_equal(m->source, "    a[n] = b[n] + c;");
    assert_int_equal(m->source[m->column - 1], 'c');
    check(m + 1, REPORT_ERROR, "nets/x.net", 100, 39,
          "no instance of overloaded function \"f\" matches the argument list");
    check(m + 2, REPORT_NOTE, "", 0, 0, "argument types are: (int, int, int)");
    check(m + 3, REPORT_NOTE, "nets/x.net", 99, 16, "number of parameters does not match the call");
    check(m + 4, REPORT_WARNING, "pool.cu", 5, 6, "variable \"unused\" was declared but never referenced");
    check(m + 5, REPORT_ERROR, "x.cu", 7, 21, "cannot open source file \"nothere.h\"");
    char first[256];
    report_first_error(&r, first, sizeof first);
    assert_string_equal(first, "kernels/cuda/a (b).cu:6:19: error: identifier \"c\" is undefined");
    report_close(&r);
}

static void test_prints(void **state)
{
    (void)state;
    Report r;
    char *text = NULL;
    size_t size;
    assert_true(report_read(&r, front_end_log));
    FILE *f = open_memstream(&text, &size);
    report_print(&r, f, false, false);
    fclose(f);
    assert_string_equal(text,
        "kernels/cuda/a (b).cu:6:19: error: identifier \"c\" is undefined\n"
        "    6 |     a[n] = b[n] + c;\n"
        "      |                   ^\n"
        "nets/x.net:100:39: error: no instance of overloaded function \"f\" matches the argument list\n"
        "  100 | __device__ int f(int a, int) { return f(1,2,3); }\n"
        "      |                                       ^\n"
        "      = argument types are: (int, int, int)\n"
        "nets/x.net:99:16: note: number of parameters does not match the call\n"
        "   99 | __device__ int f(int a) { return a; }\n"
        "      |                ^\n"
        "x.cu:7:21: error: cannot open source file \"nothere.h\"\n"
        "    7 | #include \"nothere.h\"\n"
        "      |                     ^\n");
    free(text);
    report_close(&r);
}

static void test_ptxas(void **state)
{
    (void)state;
    Report r;
    assert_true(report_read(&r,
        "ptxas warning : Registers are spilled to local memory in function 'k2', 400 bytes spill stores\n"
        "ptxas info    : 0 bytes gmem, 64 bytes cmem[3]\n"
        "ptxas info    : Compiling entry function 'k2' for 'sm_80'\n"
        "ptxas info    : Function properties for k2\n"
        "ptxas         .     224 bytes stack frame, 400 bytes spill stores, 368 bytes spill loads\n"
        "ptxas info    : Used 32 registers, used 1 barriers, 224 bytes cumulative stack size, "
        "1024 bytes smem, 364 bytes cmem[0], 8 bytes cmem[2]\n"
        "ptxas info    : Compile time = 19.757 ms\n"
        "ptxas info    : Compiling entry function 'old' for 'sm_70'\n"
        "ptxas info    : Function properties for old\n"
        "    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
        "ptxas info    : Used 18 registers, 8192+16 bytes smem, 360 bytes cmem[0]\n"
        "ptxas info    : (C7508) Potential Performance Loss: wgmma.mma_async instructions are serialized\n"
        "ptxas info    : Function properties for _Z1fi\n"
        "ptxas         .     200 bytes stack frame, 52 bytes spill stores, 56 bytes spill loads\n"));
    assert_int_equal(r.errors, 0);
    assert_int_equal(r.message_count, 2);
    assert_int_equal(r.messages[1].kind, REPORT_WARNING);
    assert_int_equal(r.kernel_count, 3);
    const ReportKernel *k = report_kernel(&r, "k2");
    assert_true(k->is_kernel);
    assert_int_equal(k->registers, 32);
    assert_int_equal(k->barriers, 1);
    assert_int_equal(k->stack, 224);
    assert_int_equal(k->spill_stores, 400);
    assert_int_equal(k->spill_loads, 368);
    assert_int_equal(k->shared, 1024);
    assert_int_equal(k->constants[0], 364);
    assert_int_equal(k->constants[2], 8);
    k = report_kernel(&r, "old");
    assert_int_equal(k->stack, 16);
    assert_int_equal(k->shared, 8208);
    k = report_kernel(&r, "_Z1fi");
    assert_false(k->is_kernel);
    assert_int_equal(k->spill_loads, 56);
    assert_int_equal(k->registers, 0);
    report_close(&r);
}

// Half of a log, or any bytes, is read without harm.
static void test_damaged_logs(void **state)
{
    (void)state;
    Report r;
    char text[sizeof front_end_log];
    for (size_t length = 0; length < sizeof text; length++) {
        snprintf(text, length + 1, "%s", front_end_log);
        assert_true(report_read(&r, text));
        report_close(&r);
    }
    srand(1);
    for (int i = 0; i < 3000; i++) {
        memcpy(text, front_end_log, sizeof text);
        for (int n = 0; n < 8; n++)
            text[rand() % (int)(sizeof text - 1)] = "\n ^(:)#\0p"[rand() % 9];
        assert_true(report_read(&r, text));
        report_close(&r);
    }
}

// --- planted faults -------------------------------------------------------------------------------

static Report compile(const char *text, const char *arch, NvrtcStatus wanted)
{
    Nvrtc n;
    NvrtcOutput out;
    Report r;
    if (!nvrtc_find(&n, err)) {
        print_message("skipped: %s\n", err);
        skip();
    }
    assert_true(nvrtc_load(&n, err));
    assert_int_equal(nvrtc_compile(&n, text, "unit.cu", arch, NULL, &out, err), wanted);
    assert_true(report_read(&r, out.log));
    assert_true(report_place_ptx(&r, out.ptx ? out.ptx : "", text));
    nvrtc_output_close(&out);
    return r;
}

static void test_wrong_type_in_a_net_line(void **state)
{
    (void)state;
    Report r = compile("#line 9 \"kernels/cuda/pool.cu\"\n"
                       "extern \"C\" __global__ void k1(float *a)\n{\n"
                       "#line 12 \"nets/alexnet.net\"\n"
                       "    a[0] = \"text\";\n"
                       "#line 13 \"kernels/cuda/pool.cu\"\n"
                       "    a[1] = b;\n}\n", "sm_80", NVRTC_REFUSED);
    assert_int_equal(r.errors, 2);
    const ReportMessage *m = r.messages;
    assert_string_equal(m[0].file, "nets/alexnet.net");
    assert_int_equal(m[0].line, 12);
    assert_int_equal(m[0].column, m[0].source ? 10 : 0);           // NVRTC 11 shows no lines
    check(m + 1, REPORT_ERROR, "kernels/cuda/pool.cu", 13, m[1].source ? 12 : 0,
          "identifier \"b\" is undefined");
    if (m[0].source)
        assert_string_equal(m[0].source, "    a[0] = \"text\";");
    report_close(&r);
}

static void test_bad_instruction(void **state)
{
    (void)state;
    const char *text = "#line 9 \"kernels/cuda/prelude.cu\"\n"
                       "void load_matrix(int a)\n{\n"
                       "    asm volatile(\"ldmatrix.bad %0;\" :: \"r\"(a));\n}\n"
                       "#line 30 \"kernels/cuda/contraction.cu\"\n"
                       "extern \"C\" __global__ void k1(int a)\n{\n    load_matrix(a);\n}\n";
    Report r = compile(text, "sm_80", NVRTC_REFUSED);
    assert_true(r.errors > 0);
    assert_true(r.messages[0].ptx_line > 0);
    assert_string_equal(r.messages[0].file, "kernels/cuda/prelude.cu");
    assert_int_equal(r.messages[0].line, 11);
    report_close(&r);
}

static void test_too_much_shared_memory(void **state)
{
    (void)state;
    Report r = compile("extern \"C\" __global__ void k1(float *a)\n{\n    __shared__ float s[80000];\n"
                       "    s[threadIdx.x] = a[0];\n    __syncthreads();\n    a[1] = s[3];\n}\n", "sm_80",
                       NVRTC_REFUSED);
    assert_true(r.errors > 0);
    char first[256];
    report_first_error(&r, first, sizeof first);
    assert_non_null(strstr(first, "shared"));
    report_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_front_end),
        cmocka_unit_test(test_prints),
        cmocka_unit_test(test_ptxas),
        cmocka_unit_test(test_damaged_logs),
        cmocka_unit_test(test_wrong_type_in_a_net_line),
        cmocka_unit_test(test_bad_instruction),
        cmocka_unit_test(test_too_much_shared_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
