// The virtual GPU's counters: hand-written PTX whose sectors, wavefronts, bytes and operations are known.
#include "runtime/vgpu/vgpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

enum { BYTES = 16384 };

static char err[VGPU_ERROR];
static _Alignas(128) uint8_t in[BYTES], out[BYTES];
static VgpuModule *module;
static VgpuCounters counters;

typedef struct { unsigned blocks, threads; int host_threads, launches; bool check; uint64_t seed; } How;

// %rd1 is `in`, %rd2 `out`, %r1 the thread, %r2 the address of 16384 bytes of shared memory.
static void load(const char *body)
{
    char text[8192];
    snprintf(text, sizeof text,
             ".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"a.cu\"\n"
             ".visible .entry k(.param .u64 a, .param .u64 b)\n{\n.reg .pred %%p<8>; .reg .b16 %%h<8>;\n"
             ".reg .f32 %%f<32>; .reg .b32 %%r<64>; .reg .b64 %%rd<16>;\n"
             ".shared .align 128 .b8 room[16384]; .local .align 16 .b8 own[64];\n"
             "ld.param.u64 %%rd1, [a]; ld.param.u64 %%rd2, [b];\nmov.u32 %%r1, %%tid.x;\n"
             "mov.u32 %%r2, room;\n%s\nret;\n}\n", body);
    module = vgpu_module_load(text, err);
    if (!module)
        fail_msg("%s", err);
}

static void launch(const How *how)
{
    const void *a = in, *b = out;
    VgpuMemory *memory = vgpu_memory_open();
    vgpu_memory_add(memory, in, sizeof in, "in");
    vgpu_memory_add(memory, out, sizeof out, "out");
    VgpuLaunch l = { .grid = { how->blocks, 1, 1 }, .block = { how->threads, 1, 1 },
                     .params = (const void *[]){ &a, &b }, .memory = memory, .threads = how->host_threads,
                     .check = how->check, .seed = how->seed, .counters = &counters };
    for (int k = 0; k < how->launches; k++)
        if (!vgpu_launch(module, "k", &l, err))
            fail_msg("%s", err);
    vgpu_memory_close(memory);
}

static void run_how(const char *body, const How *how)
{
    load(body);
    launch(how);
}

static void run(const char *body) { run_how(body, &(How){ 1, 32, 1, 1, false, 0 }); }

static int end(void **state)
{
    (void)state;
    vgpu_counters_close(&counters);
    vgpu_module_close(module);
    module = NULL;
    return 0;
}

// The first instruction whose text begins so.
static const VgpuCounter *find(const char *ptx)
{
    for (int k = 0; k < counters.count; k++)
        if (strncmp(counters.list[k].ptx, ptx, strlen(ptx)) == 0)
            return &counters.list[k];
    fail_msg("no %s", ptx);
    return NULL;
}

static void expect(const VgpuTraffic *t, uint64_t transfers, uint64_t ideal, uint64_t read, uint64_t written)
{
    assert_int_equal(t->requests, 1);
    assert_int_equal(t->transfers, transfers);
    assert_int_equal(t->ideal, ideal);
    assert_int_equal(t->read, read);
    assert_int_equal(t->written, written);
}

// --- global memory ----------------------------------------------------------------------------------

// %rd4 is `in` plus thread times `step` plus `first`.
#define FROM(step, first)                                                                      \
    "mul.wide.u32 %rd3, %r1, " #step "; add.s64 %rd4, %rd1, %rd3; add.s64 %rd4, %rd4, " #first ";\n"

static void expect_global(const char *body, const char *ptx, uint64_t sectors, uint64_t ideal, uint64_t bytes)
{
    run(body);
    expect(&find(ptx)->count.global, sectors, ideal, bytes, 0);
    assert_int_equal(find(ptx)->count.shared.requests, 0);
    end(NULL);
}

static void test_global_loads(void **state)
{
    (void)state;
    expect_global(FROM(4, 0) "ld.global.f32 %f1, [%rd4];", "ld.global", 4, 4, 128);
    expect_global(FROM(4, 4) "ld.global.f32 %f1, [%rd4];", "ld.global", 5, 4, 128);        // one word off
    expect_global(FROM(8, 0) "ld.global.f32 %f1, [%rd4];", "ld.global", 8, 4, 128);        // every second
    expect_global(FROM(128, 0) "ld.global.f32 %f1, [%rd4];", "ld.global", 32, 4, 128);     // a column
    expect_global(FROM(0, 64) "ld.global.f32 %f1, [%rd4];", "ld.global", 1, 1, 128);       // broadcast
    expect_global(FROM(1, 0) "ld.global.u8 %r3, [%rd4];", "ld.global", 1, 1, 32);
    expect_global(FROM(8, 0) "ld.global.v2.f32 {%f1, %f2}, [%rd4];", "ld.global", 8, 8, 256);
    expect_global(FROM(16, 0) "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd4];", "ld.global", 16, 16, 512);
    expect_global(FROM(32, 0) "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd4];", "ld.global", 32, 16, 512);
    expect_global(FROM(4, 0) "cvta.to.global.u64 %rd5, %rd4; ld.global.nc.f32 %f1, [%rd5];", "ld.global", 4,
                  4, 128);
    expect_global(FROM(4, 0) "ld.f32 %f1, [%rd4];", "ld.f32", 4, 4, 128);                  // generic
    // Lanes in reverse order: the same sectors. Half of the lanes: half.
    expect_global("xor.b32 %r1, %r1, 31;" FROM(4, 0) "ld.global.f32 %f1, [%rd4];", "ld.global", 4, 4, 128);
    expect_global("setp.lt.u32 %p1, %r1, 16;" FROM(4, 0) "@%p1 ld.global.f32 %f1, [%rd4];", "@%p1 ld", 2, 2,
                  64);
}

static void test_global_stores_and_updates(void **state)
{
    (void)state;
    run("mul.wide.u32 %rd3, %r1, 16; add.s64 %rd4, %rd2, %rd3; st.global.u32 [%rd4], %r1;\n"
        "and.b32 %r3, %r1, 7; mul.wide.u32 %rd5, %r3, 4; add.s64 %rd6, %rd2, %rd5;\n"
        "atom.global.add.u32 %r4, [%rd6], 1; red.global.add.f32 [%rd6+64], 0f3F800000;");
    expect(&find("st.global")->count.global, 16, 4, 0, 128);
    expect(&find("atom")->count.global, 1, 1, 128, 128);               // 8 words of one sector
    expect(&find("red")->count.global, 1, 1, 128, 128);
    assert_int_equal(find("red")->class, VGPU_ATOMIC);
    assert_int_equal(find("red")->count.flops, 32);
}

// --- shared memory ----------------------------------------------------------------------------------

// %r4 is shared memory plus thread times `step`.
#define SHARED(step) "mul.lo.u32 %r3, %r1, " #step "; add.u32 %r4, %r2, %r3;\n"

static void expect_shared(const char *body, const char *ptx, uint64_t wavefronts, uint64_t ideal,
                          uint64_t bytes)
{
    run(body);
    expect(&find(ptx)->count.shared, wavefronts, ideal, bytes, 0);
    end(NULL);
}

static void test_shared_loads(void **state)
{
    (void)state;
    expect_shared(SHARED(4) "ld.shared.f32 %f1, [%r4];", "ld.shared", 1, 1, 128);
    expect_shared(SHARED(8) "ld.shared.f32 %f1, [%r4];", "ld.shared", 2, 1, 128);
    expect_shared(SHARED(16) "ld.shared.f32 %f1, [%r4];", "ld.shared", 4, 1, 128);
    expect_shared(SHARED(128) "ld.shared.f32 %f1, [%r4];", "ld.shared", 32, 1, 128);
    expect_shared(SHARED(132) "ld.shared.f32 %f1, [%r4];", "ld.shared", 1, 1, 128);        // a padded column
    expect_shared(SHARED(0) "ld.shared.f32 %f1, [%r4];", "ld.shared", 1, 1, 128);          // broadcast
    expect_shared(SHARED(1) "ld.shared.u8 %r5, [%r4];", "ld.shared", 1, 1, 32);
    expect_shared(SHARED(2) "ld.shared.u16 %h1, [%r4];", "ld.shared", 1, 1, 64);           // two of a word
    // Two rows of 16 lanes in the same banks.
    expect_shared("and.b32 %r5, %r1, 15; shr.u32 %r6, %r1, 4; shl.b32 %r6, %r6, 8;\n"
                  "mad.lo.u32 %r7, %r5, 4, %r6; add.u32 %r4, %r2, %r7; ld.shared.f32 %f1, [%r4];",
                  "ld.shared", 2, 1, 128);
    // Generic addresses of shared memory.
    expect_shared(SHARED(8) "cvt.u64.u32 %rd5, %r4; cvta.shared.u64 %rd6, %rd5; ld.f32 %f1, [%rd6];",
                  "ld.f32", 2, 1, 128);
}

// 8 bytes go by half warps, 16 by quarters.
static void test_shared_vectors(void **state)
{
    (void)state;
    expect_shared(SHARED(8) "ld.shared.v2.f32 {%f1, %f2}, [%r4];", "ld.shared", 2, 2, 256);
    expect_shared(SHARED(16) "ld.shared.v2.f32 {%f1, %f2}, [%r4];", "ld.shared", 4, 2, 256);
    expect_shared(SHARED(16) "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r4];", "ld.shared", 4, 4, 512);
    expect_shared(SHARED(32) "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r4];", "ld.shared", 8, 4, 512);
    expect_shared(SHARED(128) "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r4];", "ld.shared", 32, 4, 512);
    expect_shared(SHARED(144) "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r4];", "ld.shared", 4, 4, 512);
    expect_shared(SHARED(8) "ld.shared.u64 %rd3, [%r4];", "ld.shared", 2, 2, 256);
    expect_shared("setp.lt.u32 %p1, %r1, 8;" SHARED(16)
                  "@%p1 ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r4];", "@%p1", 1, 1, 128);
}

static void test_shared_stores_and_updates(void **state)
{
    (void)state;
    run(SHARED(8) "st.shared.u32 [%r4], %r1; atom.shared.add.u32 %r5, [%r2+256], 1;\n"
        "shl.b32 %r6, %r1, 2; add.u32 %r7, %r2, %r6; red.shared.add.u32 [%r7+512], 1;");
    expect(&find("st.shared")->count.shared, 2, 1, 0, 128);
    expect(&find("atom")->count.shared, 32, 1, 128, 128);              // all add to one word
    expect(&find("red")->count.shared, 1, 1, 128, 128);
}

// The rows of a matrix of 8 come from 8 lanes: 8 x 16 bytes a wavefront, if they are in 8 places.
static void test_matrices(void **state)
{
    (void)state;
    expect_shared(SHARED(16) "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r5, %r6, %r7, %r8}, [%r4];",
                  "ldmatrix", 4, 4, 512);
    expect_shared(SHARED(128) "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r5, %r6, %r7, %r8}, [%r4];",
                  "ldmatrix", 32, 4, 512);
    expect_shared(SHARED(144) "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r5, %r6}, [%r4];",
                  "ldmatrix", 2, 2, 256);
    expect_shared(SHARED(16) "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r5}, [%r4];", "ldmatrix", 1, 1, 128);
    run("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1, %f2, %f3, %f4}, {%r5, %r6, %r7, %r8}, "
        "{%r9, %r10}, {%f1, %f2, %f3, %f4};");
    assert_int_equal(find("mma")->count.flops, 2 * 16 * 8 * 8);
    assert_int_equal(find("mma")->class, VGPU_TENSOR);
    assert_int_equal(find("mma")->count.executions, 1);
}

// --- copies, local memory ---------------------------------------------------------------------------

static void test_copies(void **state)
{
    (void)state;
    run(FROM(32, 0) SHARED(16) "cp.async.ca.shared.global [%r4], [%rd4], 16; cp.async.commit_group;\n"
        "cp.async.wait_group 0;");
    expect(&find("cp.async.ca")->count.global, 32, 16, 512, 0);
    expect(&find("cp.async.ca")->count.shared, 4, 4, 0, 512);
    assert_int_equal(find("cp.async.ca")->class, VGPU_COPY);
    assert_int_equal(find("cp.async.commit")->class, VGPU_CONTROL);
    assert_int_equal(find("cp.async.wait")->class, VGPU_CONTROL);
    end(NULL);
    // Lanes from 16 on read nothing; the first reads 8 bytes of 16.
    run(FROM(16, 0) SHARED(16)
        "setp.lt.u32 %p1, %r1, 16; selp.b32 %r5, 16, 0, %p1; setp.eq.u32 %p2, %r1, 0;\n"
        "selp.b32 %r6, 8, %r5, %p2; cp.async.cg.shared.global [%r4], [%rd4], 16, %r6; cp.async.wait_all;");
    expect(&find("cp.async.cg")->count.global, 8, 8, 16 * 16 - 8, 0);
    expect(&find("cp.async.cg")->count.shared, 4, 4, 0, 512);
}

// Thread by thread the words lie beside each other.
static void test_local(void **state)
{
    (void)state;
    run("mov.u32 %r5, own; st.local.v4.u32 [%r5+16], {%r1, %r1, %r1, %r1};\n"
        "and.b32 %r6, %r1, 1; shl.b32 %r6, %r6, 2; add.u32 %r7, %r5, %r6; ld.local.u32 %r8, [%r7+16];");
    expect(&find("st.local")->count.local, 16, 16, 0, 512);
    expect(&find("ld.local")->count.local, 8, 4, 128, 0);              // odd lanes another word
    assert_int_equal(find("st.local")->class, VGPU_LOCAL);
}

// --- executions, classes ----------------------------------------------------------------------------

static void test_classes(void **state)
{
    (void)state;
    static const struct { const char *ptx; VgpuClass class; uint64_t flops; } rows[] = {
        { "ld.param", VGPU_CONSTANT, 0 }, { "mov.u32", VGPU_MOVE, 0 }, { "fma.rn.f32", VGPU_FLOAT, 64 },
        { "add.f32", VGPU_FLOAT, 32 }, { "mul.f32", VGPU_FLOAT, 32 }, { "add.u32", VGPU_INTEGER, 0 },
        { "mad.lo.s32", VGPU_INTEGER, 0 }, { "max.f32", VGPU_FLOAT, 0 }, { "div.rn.f32", VGPU_SPECIAL, 32 },
        { "rem.u32", VGPU_INTEGER, 0 }, { "ex2", VGPU_SPECIAL, 32 }, { "cvt", VGPU_CONVERT, 0 },
        { "setp", VGPU_COMPARE, 0 }, { "and.pred", VGPU_COMPARE, 0 }, { "selp", VGPU_COMPARE, 0 },
        { "shl", VGPU_INTEGER, 0 }, { "shfl", VGPU_LANES, 0 }, { "fma.rn.bf16x2", VGPU_FLOAT, 128 },
        { "bar.sync", VGPU_CONTROL, 0 }, { "bar.warp", VGPU_CONTROL, 0 }, { "ret", VGPU_CONTROL, 0 },
        { "st.shared", VGPU_SHARED, 0 },
    };
    run("fma.rn.bf16x2 %r5, %r5, %r5, %r5; fma.rn.f32 %f1, %f1, %f1, %f1; add.f32 %f1, %f1, %f1;\n"
        "mul.f32 %f1, %f1, %f1; add.u32 %r5, %r5, 1; mad.lo.s32 %r5, %r5, %r5, %r5; max.f32 %f2, %f1, %f1;\n"
        "div.rn.f32 %f2, %f1, %f1; rem.u32 %r5, %r5, 3; ex2.approx.f32 %f2, %f2; cvt.rn.f32.s32 %f3, %r5;\n"
        "setp.lt.u32 %p1, %r1, 16; and.pred %p2, %p1, %p1; selp.b32 %r6, %r5, %r1, %p1;\n"
        "shl.b32 %r6, %r6, 1;\n"
        "shfl.sync.bfly.b32 %r7, %r6, 1, 31, -1; st.shared.u32 [%r2], %r7; bar.sync 0; bar.warp.sync -1;");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const VgpuCounter *c = find(rows[k].ptx);
        if (c->class != rows[k].class || c->count.flops != rows[k].flops || c->count.executions != 1 ||
            c->count.lanes != 32)
            fail_msg("%s: %s, %llu operations, executed %llu times", c->ptx, vgpu_class_name(c->class),
                     (unsigned long long)c->count.flops, (unsigned long long)c->count.executions);
    }
    assert_int_equal(vgpu_counters_sum(&counters, VGPU_CONSTANT).executions, 2);
    assert_int_equal(vgpu_counters_sum(&counters, VGPU_CLASSES).flops, 64 + 32 + 32 + 32 + 32 + 128);
}

// A loop of 5 times, and 12 lanes of 32 in one branch; what no lane does was issued all the same.
static void test_executions(void **state)
{
    (void)state;
    run("mov.u32 %r5, 0;\nLOOP: add.u32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 5; @%p1 bra LOOP;\n"
        "setp.ge.u32 %p2, %r1, 12; @%p2 bra END; mul.lo.u32 %r6, %r5, 3;\nEND: sub.u32 %r7, %r1, 1;\n"
        "setp.gt.u32 %p3, %r1, 99; @%p3 xor.b32 %r8, %r8, 1; @%p3 shfl.sync.bfly.b32 %r7, %r6, 1, 31, -1;\n"
        "@%p3 ld.global.f32 %f1, [%rd1];");
    assert_int_equal(find("add.u32")->count.executions, 5);
    assert_int_equal(find("add.u32")->count.lanes, 5 * 32);
    assert_int_equal(find("@%p1 bra")->count.executions, 5);
    assert_int_equal(find("@%p1 bra")->count.lanes, 4 * 32);
    assert_int_equal(find("@%p2 bra")->count.lanes, 20);
    assert_int_equal(find("mul.lo")->count.executions, 1);
    assert_int_equal(find("mul.lo")->count.lanes, 12);
    assert_int_equal(find("sub.u32")->count.executions, 1);            // they have joined
    assert_int_equal(find("@%p3 xor")->count.executions, 1);
    assert_int_equal(find("@%p3 xor")->count.lanes, 0);
    assert_int_equal(find("@%p3 shfl")->count.executions, 1);
    assert_int_equal(find("@%p3 ld")->count.global.requests, 0);
}

// Lanes that wait for each other at a shuffle do it once.
static void test_waiting(void **state)
{
    (void)state;
    run("setp.lt.u32 %p1, %r1, 16; @%p1 bra LOW; add.u32 %r5, %r1, 1; bra.uni ON;\n"
        "LOW: sub.u32 %r5, %r1, 1;\nON: shfl.sync.bfly.b32 %r7, %r5, 16, 31, -1;");
    assert_int_equal(find("shfl")->count.executions, 1);
    assert_int_equal(find("shfl")->count.lanes, 32);
}

// Whatever the order, the threads of the host, and what is watched: the same counts.
static void test_blocks(void **state)
{
    (void)state;
    static const How hows[] = { { 8, 96, 1, 2, false, 0 }, { 8, 96, 3, 2, false, 0 },
                                { 8, 96, 1, 2, true, 0 }, { 8, 96, 1, 2, false, 5 } };
    for (size_t k = 0; k < sizeof hows / sizeof *hows; k++) {
        run_how("shl.b32 %r3, %r1, 2; add.u32 %r4, %r2, %r3; st.shared.u32 [%r4], %r1; bar.sync 0;\n"
                "xor.b32 %r5, %r3, 4; add.u32 %r6, %r2, %r5; ld.shared.u32 %r7, [%r6];" FROM(4, 0)
                "ld.global.u32 %r8, [%rd4];", &hows[k]);
        assert_int_equal(counters.launches, 2);
        assert_int_equal(find("bar.sync")->count.executions, 2 * 8 * 3);
        assert_int_equal(find("ld.shared")->count.shared.transfers, 2 * 8 * 3);
        assert_int_equal(find("ld.global")->count.global.transfers, 2 * 8 * 3 * 4);
        assert_int_equal(find("ld.global")->count.global.read, 2 * 8 * 96 * 4);
        end(NULL);
    }
}

// The line, then the calls that it was inlined by.
static void test_places(void **state)
{
    (void)state;
    run("add.u32 %r3, %r1, 1;\n.loc 1 7 0\nsub.u32 %r3, %r3, 1;\n"
        ".loc 1 9 3, function_name $L1, inlined_at 1 7 1\nmul.lo.u32 %r3, %r3, 3;\n"
        ".loc 1 11 5, function_name $L2, inlined_at 1 9 3\nxor.b32 %r3, %r3, 1;");
    assert_int_equal(find("add.u32")->place_count, 0);
    assert_int_equal(find("sub.u32")->place_count, 1);
    const VgpuCounter *c = find("xor");
    assert_int_equal(c->place_count, 3);
    for (int k = 0; k < 3; k++) {
        assert_string_equal(c->places[k].file, "a.cu");
        assert_int_equal(c->places[k].line, 11 - 2 * k);
    }
}

// Counters belong to one kernel.
static void test_other_kernel(void **state)
{
    (void)state;
    run("");
    VgpuModule *other = vgpu_module_load(".version 7.0\n.target sm_80\n.address_size 64\n"
                                         ".visible .entry k2()\n{\nret;\n}\n", err);
    assert_non_null(other);
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 1, 1, 1 }, .counters = &counters };
    assert_false(vgpu_launch(other, "k2", &l, err));
    assert_string_equal(err, "k2: the counters are those of 'k'");
    vgpu_module_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_global_loads, end),
        cmocka_unit_test_teardown(test_global_stores_and_updates, end),
        cmocka_unit_test_teardown(test_shared_loads, end),
        cmocka_unit_test_teardown(test_shared_vectors, end),
        cmocka_unit_test_teardown(test_shared_stores_and_updates, end),
        cmocka_unit_test_teardown(test_matrices, end),
        cmocka_unit_test_teardown(test_copies, end),
        cmocka_unit_test_teardown(test_local, end),
        cmocka_unit_test_teardown(test_classes, end),
        cmocka_unit_test_teardown(test_executions, end),
        cmocka_unit_test_teardown(test_waiting, end),
        cmocka_unit_test_teardown(test_blocks, end),
        cmocka_unit_test_teardown(test_places, end),
        cmocka_unit_test_teardown(test_other_kernel, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
