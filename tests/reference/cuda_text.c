// In: a group. Out: its CUDA text, judged by NVRTC.
#include "reference/cuda_text.h"
#include "runtime/cuda/report.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

const char *cuda_text(Arena *arena, const Graph *g, Group *group, const Target *target,
                      const struct CudaPlan *plan, int pass, Kern *k, const char **body)
{
    static Program none;
    char *text = NULL, err[PROGRAM_ERROR] = "";
    size_t size = 0;
    Emit e = { .arena = arena, .program = &none, .target = target, .graph = g, .err = err, .index = "int",
               .lanes = target->vector };
    e.plan = plan;
    e.text = open_memstream(&text, &size);
    *k = (Kern){ .group = group, .title = group->root->name, .what = "test", .pass = pass };
    snprintf(k->symbol, sizeof k->symbol, "k0_test");
    head_unit(&e);
    const Body *made = kernel_emit(&e, k);
    fclose(e.text);
    if (!made)
        fail_msg("%s: %s", target->name, err);
    *body = made->name;
    const char *kept = arena_copy(arena, text, size);
    free(text);
    return kept;
}

void cuda_text_output(const Nvrtc *n, const char *text, const Target *target, const char *what,
                      NvrtcOutput *out)
{
    char err[DEVICE_ERROR];
    Report report;
    const char *arch = strstr(target->flags, "sm_");
    if (nvrtc_compile(n, text, "unit.cu", arch, NULL, out, err) != NVRTC_MADE)
        fail_msg("%s, %s: %s\n%s", what, target->name, err, out->log ? out->log : "");
    assert_true(report_read(&report, out->log));
    const ReportKernel *k = report_kernel(&report, "k0_test");
    assert_non_null(k);
    if (k->spill_stores || k->spill_loads || k->stack)
        fail_msg("%s, %s: %d and %d bytes spilled, %d of stack", what, target->name, k->spill_stores,
                 k->spill_loads, k->stack);
    report_close(&report);
}

void cuda_text_compiles(const Nvrtc *n, const char *text, const Target *target, const char *what)
{
    NvrtcOutput out;
    cuda_text_output(n, text, target, what, &out);
    nvrtc_output_close(&out);
}

bool cuda_open_nvrtc(Nvrtc *n)
{
    char err[DEVICE_ERROR];
    if (!nvrtc_find(n, err)) {
        print_message("not compiled: %s\n", err);
        return false;
    }
    if (!nvrtc_load(n, err))
        fail_msg("%s", err);
    return true;
}
