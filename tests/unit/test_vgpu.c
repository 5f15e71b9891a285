// The virtual GPU: kernels of hand-written PTX run as they should, what they do wrong is reported with
// its place, what is not understood is refused. Single instructions: test_vgpu_insn.c.
#include "runtime/vgpu/vgpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char err[VGPU_ERROR];

// A kernel `k` of two pointers and a number: %rd1, %rd2 and %r1; %r2 is the thread, %r3 the block and
// %r4 the thread of the grid. `top`: what stands outside of it.
static VgpuModule *load(const char *top, const char *body)
{
    char text[8192];
    snprintf(text, sizeof text,
             ".version 7.0\n.target sm_80\n.address_size 64\n%s\n"
             ".visible .entry k(\n .param .u64 k_param_0,\n .param .u64 k_param_1,\n .param .u32 k_param_2\n"
             ")\n{\n.reg .pred %%p<8>;\n.reg .b16 %%rs<8>;\n.reg .f32 %%f<16>;\n.reg .b32 %%r<32>;\n"
             ".reg .b64 %%rd<16>;\n"
             ".loc 1 10 0\n"
             "ld.param.u64 %%rd1, [k_param_0];\nld.param.u64 %%rd2, [k_param_1];\n"
             "ld.param.u32 %%r1, [k_param_2];\n"
             "mov.u32 %%r2, %%tid.x;\nmov.u32 %%r3, %%ctaid.x;\nmov.u32 %%r4, %%ntid.x;\n"
             "mad.lo.s32 %%r4, %%r3, %%r4, %%r2;\n%s\nret;\n}\n.file 1 \"kernels/cuda/sample.cu\"\n",
             top, body);
    return vgpu_module_load(text, err);
}

typedef struct { int out[256], between[16], in[256]; } Data;

// Runs `body` over one grid of blocks, checked; the reports come back.
static VgpuReports run(const char *top, const char *body, Data *d, unsigned blocks, unsigned threads,
                       VgpuLaunch how)
{
    VgpuModule *m = load(top, body);
    if (!m)
        fail_msg("%s", err);
    VgpuMemory *memory = vgpu_memory_open();
    assert_true(vgpu_memory_add(memory, d->out, sizeof d->out, "out"));
    assert_true(vgpu_memory_add(memory, d->in, sizeof d->in, "in"));
    int *out = d->out, *in = d->in, n = 7;
    const void *params[] = { &out, &in, &n };
    VgpuReports reports = { 0 };
    how.grid[0] = blocks;
    how.block[0] = threads;
    how.grid[1] = how.grid[2] = how.block[1] = how.block[2] = 1;
    how.params = params;
    how.memory = memory;
    how.reports = &reports;
    bool ok = vgpu_launch(m, "k", &how, err);
    assert_int_equal(ok, reports.count == 0);
    for (int i = 0; i < reports.count; i++)                 // names of the module do not outlive it
        reports.list[i].kernel = reports.list[i].file = "";
    vgpu_memory_close(memory);
    vgpu_module_close(m);
    return reports;
}

static const VgpuLaunch checked = { .check = true }, plain = { .check = false };

static const char store_r5[] =
    "mul.wide.u32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3; st.global.u32 [%rd4], %r5;";

static char *joined(const char *a, const char *b)
{
    static char text[4096];
    snprintf(text, sizeof text, "%s\n%s", a, b);
    return text;
}

static void test_every_thread_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        Data d = { .out = { 0 } };
        VgpuLaunch how = { .threads = threads };
        VgpuReports r = run("", joined("add.s32 %r5, %r4, %r1;", store_r5), &d, 5, 50, how);
        assert_int_equal(r.count, 0);
        for (int i = 0; i < 256; i++)
            assert_int_equal(d.out[i], i < 250 ? i + 7 : 0);
    }
}

// Lanes leave a loop one after the other, and come together behind it: the barrier sees all.
static void test_divergence(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    VgpuReports r = run("", joined("mov.u32 %r5, 0; mov.u32 %r6, 0;\n"
                                   "$loop: setp.ge.u32 %p1, %r6, %r2;\n@%p1 bra $done;\n"
                                   "add.s32 %r5, %r5, %r6; add.s32 %r6, %r6, 1;\n"
                                   "and.b32 %r7, %r6, 1; setp.eq.u32 %p2, %r7, 0;\n@%p2 bra $even;\n"
                                   "add.s32 %r5, %r5, 100; bra.uni $loop;\n"
                                   "$even: add.s32 %r5, %r5, 1000; bra.uni $loop;\n"
                                   "$done: bar.sync 0;", store_r5), &d, 1, 64, checked);
    assert_int_equal(r.count, 0);
    for (int t = 0; t < 64; t++)
        assert_int_equal(d.out[t], t * (t - 1) / 2 + (t + 1) / 2 * 100 + t / 2 * 1000);
}

// The block that a branch jumps to stands behind the join in the text, as compilers like to put it.
static void test_blocks_behind_their_join(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    VgpuReports r = run("", joined("setp.lt.u32 %p1, %r2, 9;\n@%p1 bra $far;\nmov.u32 %r5, 1;\n"
                                   "$join: bar.sync 0; add.s32 %r5, %r5, 10; bra $end;\n"
                                   "$far: mov.u32 %r5, 2; bra $join;\n$end:", store_r5), &d, 1, 32, checked);
    assert_int_equal(r.count, 0);
    for (int t = 0; t < 32; t++)
        assert_int_equal(d.out[t], t < 9 ? 12 : 11);
}

static const char shared_swap[] =
    "mov.u32 %r6, buffer; shl.b32 %r7, %r2, 2; add.s32 %r8, %r6, %r7; st.shared.u32 [%r8], %r2;\n"
    "bar.sync 0;\nsub.s32 %r9, 252, %r7; add.s32 %r9, %r6, %r9; ld.shared.u32 %r5, [%r9];";

static void test_shared_memory(void **state)
{
    (void)state;
    const char *const tops[] = {
        ".extern .shared .align 16 .b8 buffer[];", ".shared .align 4 .b32 buffer[64];",
    };
    for (int k = 0; k < 2; k++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            Data d = { .out = { 0 } };
            VgpuLaunch how = { .check = seed & 1, .shared_bytes = k ? 0 : 256, .seed = seed };
            VgpuReports r = run(tops[k], joined(shared_swap, store_r5), &d, 2, 64, how);
            assert_int_equal(r.count, 0);
            for (int i = 0; i < 128; i++)
                assert_int_equal(d.out[i], 63 - i % 64);
        }
}

// One report of a fault, by a thread.
static void expect_fault(VgpuReports r, VgpuFault fault, unsigned thread, const char *message)
{
    assert_int_equal(r.count, 1);
    assert_int_equal(r.list[0].fault, fault);
    assert_int_equal(r.list[0].thread[0], thread);
    assert_int_equal(r.list[0].line, 10);
    if (!strstr(r.list[0].message, message))
        fail_msg("'%s' does not say '%s'", r.list[0].message, message);
    assert_non_null(strstr(err, "vgpu: "));
    assert_non_null(strstr(err, vgpu_fault_name(fault)));
    assert_non_null(strstr(err, "kernels/cuda/sample.cu:10"));
    vgpu_reports_close(&r);
}

static void test_out_of_bounds(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    char *text = joined("add.s32 %r4, %r4, 206; mov.u32 %r5, 1;", store_r5);
    VgpuReports r = run("", text, &d, 1, 51, checked);
    expect_fault(r, VGPU_OUT_OF_BOUNDS, 50, "writes 4 bytes 0 bytes behind the end of 'out'");
    assert_int_equal(d.out[255], 1);
    assert_int_equal(d.between[0], 0);                          // it was not done
    r = run(".shared .align 4 .b32 buffer[63];", joined(shared_swap, ""), &d, 1, 64, plain);
    assert_int_equal(r.count, 2);                            // also unchecked: the write and the read
    vgpu_reports_close(&r);
}

static void test_misaligned(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run("", "mul.wide.u32 %rd3, %r2, 2; add.s64 %rd4, %rd2, %rd3; ld.global.u32 %r5, [%rd4];",
                     &d, 1, 2, checked), VGPU_MISALIGNED, 1, "reads 4 bytes");
}

static void test_uninitialised(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run(".shared .align 4 .b32 buffer[64];", "setp.lt.u32 %p1, %r2, 63;\n@!%p1 bra $no;\n"
                     "shl.b32 %r7, %r2, 2; mov.u32 %r6, buffer; add.s32 %r8, %r6, %r7;\n"
                     "st.shared.u32 [%r8], %r2;\n"
                     "$no: bar.sync 0; ld.shared.u32 %r5, [buffer+252];", &d, 1, 64, checked),
                 VGPU_UNINITIALISED, 0, "which nothing has written");
}

static const char copy_async[] =
    "shl.b32 %r7, %r2, 4; mov.u32 %r6, buffer; add.s32 %r8, %r6, %r7; cvt.u64.u32 %rd3, %r7;\n"
    "add.s64 %rd4, %rd2, %rd3; setp.lt.u32 %p1, %r2, 7; selp.b32 %r9, 16, 0, %p1;\n"
    "cp.async.cg.shared.global [%r8], [%rd4], 16, %r9; cp.async.commit_group;";

static void test_copies_in_the_background(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    for (int i = 0; i < 256; i++)
        d.in[i] = i + 1;
    char text[2048], *digit;
    snprintf(text, sizeof text, "%s\ncp.async.wait_group 0;\nld.shared.u32 %%r5, [%%r8+4];\n%s", copy_async,
             store_r5);
    VgpuReports r = run(".shared .align 16 .b8 buffer[512];", text, &d, 1, 32, checked);
    assert_int_equal(r.count, 0);
    for (int t = 0; t < 32; t++)
        assert_int_equal(d.out[t], t < 7 ? 4 * t + 2 : 0);   // 0 bytes from memory: zeros
    digit = strstr(text, "wait_group 0") + 11;               // one group may be under way: it is
    *digit = '1';
    expect_fault(run(".shared .align 16 .b8 buffer[512];", text, &d, 1, 32, checked), VGPU_NOT_WAITED, 0,
                 "a cp.async that was not waited for");
}

// The same buffer again for the next copy, while another warp reads it.
static void test_copies_over_what_is_read(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    static const char text[] =
        "and.b32 %r10, %r2, 31; shl.b32 %r7, %r10, 4; mov.u32 %r6, buffer; add.s32 %r8, %r6, %r7;\n"
        "cvt.u64.u32 %rd3, %r7; add.s64 %rd4, %rd2, %rd3; setp.ge.u32 %p1, %r2, 32;\n"
        "@!%p1 cp.async.cg.shared.global [%r8], [%rd4], 16; cp.async.wait_all; bar.sync 0;\n"
        "@!%p1 ld.shared.u32 %r5, [%r8];\n"
        "@%p1 cp.async.cg.shared.global [%r8], [%rd4], 16; cp.async.wait_all;";
    expect_fault(run(".shared .align 16 .b8 buffer[512];", text, &d, 1, 64, checked), VGPU_RACE, 32,
                 "copies to byte 0 of shared memory, which thread 0,0,0 read at sample.cu:10");
}

// --- races -----------------------------------------------------------------------------------------

static const char neighbour[] =
    "mov.u32 %r6, buffer; shl.b32 %r7, %r2, 2; add.s32 %r8, %r6, %r7; st.shared.u32 [%r8], %r2;\n"
    "BETWEEN\nxor.b32 %r9, %r2, WITH; shl.b32 %r9, %r9, 2; add.s32 %r9, %r6, %r9; ld.shared.u32 %r5, [%r9];";

static VgpuReports run_neighbour(const char *between, const char *with, uint64_t seed)
{
    char text[1024];
    Data d = { .out = { 0 } };
    const char *b = strstr(neighbour, "BETWEEN"), *w = strstr(neighbour, "WITH");
    snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(b - neighbour), neighbour, between, (int)(w - b) - 7,
             b + 7, with, w + 4);
    VgpuLaunch how = { .check = true, .seed = seed };
    return run(".shared .align 4 .b32 buffer[64];", text, &d, 2, 64, how);
}

static bool holds(const VgpuReports *r, VgpuFault fault, const char *message)
{
    for (int k = 0; k < r->count; k++)
        if (r->list[k].fault == fault && strstr(r->list[k].message, message))
            return true;
    return false;
}

static void test_races_in_shared_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        VgpuReports r = run_neighbour("bar.sync 0;", "32", seed);
        assert_int_equal(r.count, 0);
        r = run_neighbour("bar.warp.sync -1;", "32", seed);          // of another warp: that orders nothing
        assert_true(holds(&r, VGPU_RACE, "of shared memory, which thread "));
        vgpu_reports_close(&r);
        r = run_neighbour("bar.warp.sync -1;", "1", seed);
        assert_int_equal(r.count, 0);
        r = run_neighbour("", "1", seed);                            // of its own warp
        assert_true(holds(&r, VGPU_RACE, "of shared memory, which thread "));
        vgpu_reports_close(&r);
        r = run_neighbour("shfl.sync.bfly.b32 %r10, %r2, 1, 31, -1;", "1", seed);      // orders no memory
        assert_true(holds(&r, VGPU_RACE, "of shared memory, which thread "));
        vgpu_reports_close(&r);
    }
}

// What several threads read is written again with no barrier between, by one of them.
static void test_race_of_a_write_behind_reads(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run(".shared .align 4 .b32 buffer[64];",
                     "setp.eq.u32 %p1, %r2, 3; @%p1 st.shared.u32 [buffer], %r2; bar.sync 0;\n"
                     "ld.shared.u32 %r5, [buffer]; @%p1 st.shared.u32 [buffer], %r4;", &d, 1, 32, checked),
                 VGPU_RACE, 3, "writes byte 0 of shared memory, which several threads read at sample.cu:10");
}

static void test_races_between_blocks(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    static const char once[] = "setp.eq.u32 %p1, %r2, 0;\n@!%p1 bra $end;\n";
    VgpuReports r = run("", joined(once, "st.global.u32 [%rd1], %r3;\n$end:"), &d, 3, 32, checked);
    assert_int_equal(r.list[0].block[0], 1);
    expect_fault(r, VGPU_RACE, 0, "writes byte 0 of 'out', which another block wrote at sample.cu:10");
    r = run("", joined(once, "red.global.add.u32 [%rd1], 5;\n$end:"), &d, 3, 32, checked);
    assert_int_equal(r.count, 0);
    assert_int_equal(d.out[0], 2 + 3 * 5);
    r = run("", joined(once, "ld.global.u32 %r5, [%rd1+4]; setp.eq.u32 %p2, %r3, 2;\n"
                             "@%p2 st.global.u32 [%rd1+4], %r3;\n$end:"), &d, 3, 32, checked);
    assert_int_equal(r.list[0].block[0], 2);
    expect_fault(r, VGPU_RACE, 0, "writes byte 4 of 'out', which another block read");
}

// Neighbours of less than a word do not disturb each other.
static void test_narrow_neighbours(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    VgpuReports r = run("", "mul.wide.u32 %rd3, %r4, 2; add.s64 %rd4, %rd1, %rd3; cvt.u16.u32 %rs1, %r4;\n"
                            "st.global.u16 [%rd4], %rs1;", &d, 3, 33, checked);
    assert_int_equal(r.count, 0);
    assert_int_equal(d.out[1], 2 | 3 << 16);
}

// --- others ----------------------------------------------------------------------------------------

static void test_global_memory_without_values(void **state)
{
    (void)state;
    int out[8] = { 0 }, in[8] = { 0 }, n = 0, *to = out, *from = in;
    const void *params[] = { &to, &from, &n };
    VgpuModule *m = load("", "mul.wide.u32 %rd3, %r2, 4; add.s64 %rd4, %rd2, %rd3;\n"
                             "add.s64 %rd5, %rd1, %rd3; ld.global.u32 %r5, [%rd4];\n"
                             "st.global.u32 [%rd5], %r5; ld.global.u32 %r5, [%rd5];");
    VgpuMemory *memory = vgpu_memory_open();
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 8, 1, 1 }, .params = params, .check = true,
                     .memory = memory };
    vgpu_memory_add(memory, out, sizeof out, "out");
    vgpu_memory_add(memory, in, sizeof in, "in");
    assert_true(vgpu_memory_forget(memory, out, sizeof out));            // is written before it is read
    assert_true(vgpu_memory_forget(memory, in, sizeof in));
    vgpu_memory_know(memory, in, 7 * sizeof *in);
    assert_false(vgpu_launch(m, "k", &l, err));
    assert_non_null(strstr(err, "vgpu: uninitialised: "));
    assert_non_null(strstr(err, "thread 7,0,0 reads byte 28 of 'in', which nothing has written"));
    vgpu_memory_know(memory, in, sizeof in);
    assert_true(vgpu_launch(m, "k", &l, err));
    vgpu_memory_close(memory);
    vgpu_module_close(m);
}

static const char product[] =
    "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1, %f2, %f3, %f4}, {%r5, %r5, %r5, %r5},\n"
    "{%r6, %r7}, {%f1, %f2, %f3, %f4};\n$end:";

static void test_products_of_what_is_no_tf32(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run("", joined("mov.u32 %r5, 0x3f800000; mov.u32 %r6, 0; setp.eq.u32 %p1, %r2, 9;\n"
                                "selp.b32 %r7, 0x3f800001, 0x3fc00000, %p1;", product), &d, 1, 32, checked),
                 VGPU_NOT_ROUNDED, 9, "multiplies 0x3f800001 (1), which is no tf32");
}

static void test_products_of_a_part_of_a_warp(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run("", joined("setp.lt.u32 %p1, %r2, 4;\n@%p1 ret;\n", product), &d, 1, 32, plain),
                 VGPU_BAD_LANE, 4, "needs all lanes, and lanes 0000000f have ended");
}

// The rows that ended lanes would name are zeros.
static void test_matrices_of_a_part_of_a_warp(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run(".shared .align 16 .b8 tile[512];\n",
                     "setp.lt.u32 %p1, %r2, 4;\n@%p1 ret;\nmov.u32 %r5, tile; shl.b32 %r6, %r2, 4;\n"
                     "add.u32 %r5, %r5, %r6;\n"
                     "mov.u32 %r6, 0; st.shared.v4.u32 [%r5], {%r6, %r6, %r6, %r6};\n"
                     "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r6, %r7, %r8, %r9}, [%r5];",
                     &d, 1, 32, checked),
                 VGPU_BAD_LANE, 4, "needs all lanes, and lanes 0000000f have ended");
}

static void test_barrier_in_divergent_code(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run("", "setp.lt.u32 %p1, %r2, 16;\n@%p1 bra $end;\nbar.sync 0;\n$end:", &d, 1, 32, plain),
                 VGPU_DIVERGENT_BARRIER, 16, "lanes ffff0000");
}

static void test_shuffle_from_a_lane_outside(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    expect_fault(run("", "setp.ge.u32 %p1, %r2, 8;\n@%p1 bra $end;\n"
                     "shfl.sync.down.b32 %r5|%p2, %r2, 4, 31, 255;\n$end:", &d, 1, 32, plain),
                 VGPU_BAD_LANE, 4, "reads lane 8, which is not in the mask");
}

static void test_endless_loop(void **state)
{
    (void)state;
    Data d = { .out = { 0 } };
    VgpuLaunch how = { .max_steps = 10000 };
    expect_fault(run("", "$again: add.s32 %r5, %r5, 1;\nbra $again;", &d, 1, 32, how), VGPU_TOO_LONG, 0,
                 "10000");
}

static void expect_refusal(const char *body, const char *why)
{
    VgpuModule *m = load("", body);
    assert_null(m);
    if (!strstr(err, why))
        fail_msg("'%s' does not say '%s'", err, why);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal("frobnicate.f32 %f1, %f2;", "PTX line 24 (kernels/cuda/sample.cu:10): unknown instruction "
                   "'frobnicate.f32'");
    expect_refusal("ld.global.b128 %rd3, [%rd1];", "b128");
    expect_refusal("add.s32 %r5, %r6, %r99;", "'%r99' is not known");
    expect_refusal("add.s32 %r5, %rd1, %r6;", "'%rd1' has 8 bytes where the instruction takes 4");
    expect_refusal("bra $nowhere;", "label '$nowhere' is not there");
    expect_refusal("call.uni pow;", "inlined");
    expect_refusal("bar.sync 1;", "barriers other than 0");
    expect_refusal("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%r5}, {%r6}, {%r7}, {%r8};", "unknown");
    VgpuModule *m = load("", "");
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 1025, 1, 1 } };
    assert_false(vgpu_launch(m, "no", &l, err));
    assert_non_null(strstr(err, "'no' is not in the module"));
    assert_false(vgpu_launch(m, "k", &l, err));
    assert_non_null(strstr(err, "at most 1024"));
    VgpuKernelInfo info;
    assert_true(vgpu_kernel_info(m, "k", &info));
    assert_int_equal(info.params, 3);
    assert_int_equal(info.param_sizes[2], 4);
    vgpu_module_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_thread_once),
        cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_blocks_behind_their_join),
        cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_out_of_bounds),
        cmocka_unit_test(test_misaligned),
        cmocka_unit_test(test_uninitialised),
        cmocka_unit_test(test_copies_in_the_background),
        cmocka_unit_test(test_copies_over_what_is_read),
        cmocka_unit_test(test_races_in_shared_memory),
        cmocka_unit_test(test_race_of_a_write_behind_reads),
        cmocka_unit_test(test_races_between_blocks),
        cmocka_unit_test(test_narrow_neighbours),
        cmocka_unit_test(test_global_memory_without_values),
        cmocka_unit_test(test_products_of_what_is_no_tf32),
        cmocka_unit_test(test_products_of_a_part_of_a_warp),
        cmocka_unit_test(test_matrices_of_a_part_of_a_warp),
        cmocka_unit_test(test_barrier_in_divergent_code),
        cmocka_unit_test(test_shuffle_from_a_lane_outside),
        cmocka_unit_test(test_endless_loop),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
