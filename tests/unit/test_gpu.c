// The CUDA backend on virtual GPUs with everything watched: the same losses as the CPU; one GPU or two,
// streams in any order, graphs or none, peers or the host between them: the same bits. What does not fit, a
// loss that is not finite, and a fault are told.
#include "reference/folder.h"
#include "reference/gpu_run.h"
#include "runtime/cuda/driver_abi.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char one_net[] =
    "net one : 1x8x8 -> 10 {\n"
    "  conv(8, 3, pad = 1) -> relu -> pool(2) -> conv(12, 3, pad = 1) -> relu\n"
    "  -> fc(16) -> relu -> dropout(0.5) -> fc(10) -> softmax\n"
    "}\n"
    "train one on noise { loss = cross_entropy  batch = 3  solver = sgd(lr = 0.1) }\n"
    "data noise { train = random(10, 1x8x8, seed = 1, count = 6) }\n";

static const char two_net[] =
    "net two : 1x8x8 -> 10 {\n"
    "  split(gpu0, gpu1) {\n"
    "    conv(8, 3, pad = 1) -> relu -> pool(2) -> all -> conv(12, 3, pad = 1) -> relu\n"
    "    -> all -> fc(16) -> relu -> dropout(0.5)\n"
    "  }\n"
    "  -> fc(10) -> softmax\n"
    "}\n"
    "train two on noise { loss = cross_entropy  batch = 3  solver = sgd(lr = 0.1) }\n"
    "data noise { train = random(10, 1x8x8, seed = 1, count = 6) }\n";

static GpuResult cpu_one, cpu_two;     // what the CPU makes of them

static void write_net(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int open_nets(void **state)
{
    if (folder_make(state))
        return 1;
    write_net("one.net", one_net);
    write_net("two.net", two_net);
    gpu_run(&(GpuRun){ .path = in_folder("one.net") }, &cpu_one);
    gpu_run(&(GpuRun){ .path = in_folder("two.net") }, &cpu_two);
    return cpu_one.end != GPU_RUN_DONE || cpu_two.end != GPU_RUN_DONE;
}

static void need_nvrtc(void)
{
    if (!gpu_run_possible())
        skip();
}

static void run_well(const GpuRun *r, GpuResult *to)
{
    gpu_run(r, to);
    if (to->end != GPU_RUN_DONE || gpu_run_reports(to))
        fail_msg("ended %d after %d steps: %s\n%s", (int)to->end, to->steps, to->err, to->said);
}

static void assert_losses(const GpuResult *a, const GpuResult *cpu, double tolerance)
{
    for (int i = 0; i < GPU_RUN_STEPS; i++)
        if (!(fabs(a->loss[i] - cpu->loss[i]) <= tolerance * cpu->loss[i]))
            fail_msg("loss of step %d: %.9g, the CPU's is %.9g", i, a->loss[i], cpu->loss[i]);
}

// --- numbers --------------------------------------------------------------------------------------

static void losses_are_the_cpus(void **state)
{
    static const struct { const char *target; double tolerance; } targets[] = {
        { "sm_80:fp32", 1e-5 }, { "sm_80", 5e-3 }, { "sm_80:bf16", 5e-2 },
    };
    (void)state;
    need_nvrtc();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        GpuResult r;
        run_well(&(GpuRun){ .path = in_folder("one.net"), .target = targets[i].target, .devices = 1,
                            .check = true }, &r);
        assert_losses(&r, &cpu_one, targets[i].tolerance);
    }
}

// Whatever may differ between two runs of the same net on the same kind of GPU.
static void nothing_changes_a_bit(void **state)
{
    static const GpuRun ways[] = {
        { .devices = 1 }, { .devices = 2 }, { .devices = 2, .options.no_graphs = true },
        { .devices = 2, .options.no_peers = true }, { .devices = 2, .options.one_by_one = true },
        { .devices = 2, .options = { .no_peers = true, .no_graphs = true } },
        { .devices = 2, .options.map = "gpu0=cuda:1,gpu1=cuda:0" },
        { .devices = 1, .options.no_graphs = true },
    };
    uint64_t bits = 0;
    (void)state;
    need_nvrtc();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        GpuRun way = ways[i];
        GpuResult r;
        way.path = in_folder("two.net");
        way.target = "sm_80";
        way.check = true;
        run_well(&way, &r);
        assert_losses(&r, &cpu_two, 5e-3);
        assert_int_equal(r.copied, cpu_two.copied);
        bits = bits ? bits : r.bits;
        assert_true(r.bits == bits);
    }
}

// --- cuBLAS ---------------------------------------------------------------------------------------

static void cublas_makes_products(void **state)
{
    static const struct { const char *target; double tolerance; } targets[] = {
        { "sm_80:fp32", 1e-5 }, { "sm_80", 5e-3 }, { "sm_80:bf16", 5e-2 },
    };
    (void)state;
    need_nvrtc();
    for (int i = 0; i < 6; i++) {
        GpuResult r;
        assert_true(gpu_run_plan(in_folder("two.net"), targets[i / 2].target, in_folder("cublas.plan")) > 1);
        run_well(&(GpuRun){ .path = in_folder("two.net"), .target = targets[i / 2].target,
                            .plan = in_folder("cublas.plan"), .devices = 2, .check = true,
                            .options.no_graphs = i % 2 }, &r);
        assert_losses(&r, &cpu_two, targets[i / 2].tolerance);
        assert_non_null(strstr(r.said, "cublasGemmEx"));
    }
}

static void streams_in_any_order(void **state)
{
    uint64_t bits = 0;
    (void)state;
    need_nvrtc();
    for (int i = 0; i < 10; i++) {
        GpuResult r;
        run_well(&(GpuRun){ .path = in_folder("two.net"), .target = "sm_80", .devices = 2, .check = true,
                            .seed = 1 + i / 2, .options.no_graphs = i % 2 }, &r);
        assert_losses(&r, &cpu_two, 5e-3);
        bits = bits ? bits : r.bits;
        assert_true(r.bits == bits);
    }
}

// --- what goes wrong ------------------------------------------------------------------------------

// The loss of the first step is not finite: no update is applied, on either GPU.
static void stops_at_nan(void **state)
{
    GpuResult r;
    (void)state;
    need_nvrtc();
    for (int graphs = 0; graphs < 2; graphs++) {
        run_well(&(GpuRun){ .path = in_folder("two.net"), .target = "sm_80", .devices = 2, .scale = 1e38f,
                            .options.no_graphs = !graphs }, &r);
        for (int i = 0; i < GPU_RUN_STEPS; i++)
            assert_true(r.stopped[i]);
        GpuResult again;
        run_well(&(GpuRun){ .path = in_folder("two.net"), .target = "sm_80", .devices = 1, .scale = 3e38f,
                            .options.no_graphs = !graphs }, &again);
        assert_true(r.bits == again.bits);           // as they were drawn
    }
}

static void assert_refused(const GpuRun *run, const char *first, const char *second)
{
    GpuResult r;
    gpu_run(run, &r);
    if (r.end != GPU_RUN_REFUSED || !strstr(r.err, first) || !strstr(r.err, second))
        fail_msg("ended %d: %s (not: %s ... %s)\n%s", (int)r.end, r.err, first, second, r.said);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    need_nvrtc();
    write_net("large.net",
              "net large : 16x64x64 -> 10 { conv(8, 3, pad = 1) -> relu -> pool(2) -> fc(10) -> softmax }\n"
              "train large on noise { loss = cross_entropy  batch = 64  solver = sgd(lr = 0.1) }\n"
              "data noise { train = random(10, 16x64x64, seed = 1, count = 64) }\n");
    assert_refused(&(GpuRun){ .path = in_folder("large.net"), .target = "sm_80", .devices = 1, .memory = 16 },
                   "has 15.00 MiB of memory free, and the net needs ", " would fit: --batch ");
    assert_refused(&(GpuRun){ .path = in_folder("one.net"), .target = "sm_80", .devices = 0 },
                   "the CUDA driver (", "CUDA_ERROR_NO_DEVICE");
    assert_refused(&(GpuRun){ .path = in_folder("one.net"), .target = "sm_90a", .devices = 1 },
                   "has compute capability 8.0 and cannot run cuda:sm_90a", "--target cuda:sm_80");
    assert_refused(&(GpuRun){ .path = in_folder("two.net"), .target = "sm_80", .devices = 1,
                              .options.map = "gpu0=cuda:0,gpu1=cuda:3" },
                   "device gpu1 is mapped to GPU 3", "only 1");
    assert_refused(&(GpuRun){ .path = in_folder("one.net"), .target = "sm_80", .devices = 1,
                              .fail = "cuLaunchKernel:12:700", .options.no_graphs = true },
                   "one.net:2: launch `", "cuLaunchKernel: ");
    assert_refused(&(GpuRun){ .path = in_folder("one.net"), .target = "sm_80", .devices = 1,
                              .fail = "cuGraphInstantiateWithFlags:1:2" },
                   "the step cannot be captured into a graph: cuGraphInstantiateWithFlags", "OUT_OF_MEMORY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_the_cpus),
        cmocka_unit_test(nothing_changes_a_bit),
        cmocka_unit_test(cublas_makes_products),
        cmocka_unit_test(streams_in_any_order),
        cmocka_unit_test(stops_at_nan),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, open_nets, folder_remove);
}
