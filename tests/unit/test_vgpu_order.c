// Operations of several queues: what races, whichever of them runs first here.
#include "runtime/vgpu/vgpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const char copy_kernel[] =
    ".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"copy.cu\"\n"
    ".visible .entry k(.param .u64 to, .param .u64 from)\n{\n.reg .b32 %r<4>; .reg .b64 %rd<8>;\n"
    "ld.param.u64 %rd1, [to]; ld.param.u64 %rd2, [from]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd3, %r1, 4;\n"
    ".loc 1 7 0\nadd.s64 %rd4, %rd2, %rd3; ld.global.u32 %r2, [%rd4];\n"
    ".loc 1 8 0\nadd.s64 %rd5, %rd1, %rd3; st.global.u32 [%rd5], %r2; ret;\n}\n";

typedef struct {
    VgpuModule *module;
    VgpuMemory *memory;
    int         a[8], b[8], c[8];
    VgpuReports reports;
} Device;

static int open_device(void **state)
{
    static Device d;
    char err[VGPU_ERROR];
    memset(&d, 0, sizeof d);
    d.module = vgpu_module_load(copy_kernel, err);
    d.memory = vgpu_memory_open();
    vgpu_memory_add(d.memory, d.a, sizeof d.a, "a");
    vgpu_memory_add(d.memory, d.b, sizeof d.b, "b");
    vgpu_memory_add(d.memory, d.c, sizeof d.c, "c");
    *state = &d;
    return 0;
}

static int close_device(void **state)
{
    Device *d = *state;
    vgpu_memory_close(d->memory);
    vgpu_module_close(d->module);
    vgpu_reports_close(&d->reports);
    return 0;
}

// The next operation of queue 0, 1 or 2, after so many of each.
static void begin(Device *d, int queue, unsigned after0, unsigned after1, unsigned after2, const char *name)
{
    VgpuClock clock = { .done = { after0, after1, after2 } };
    clock.done[queue]++;
    assert_true(vgpu_memory_begin(d->memory, queue, &clock, name));
}

static void run(Device *d, int *to, int *from)
{
    char err[VGPU_ERROR];
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 8, 1, 1 }, .check = true, .memory = d->memory,
                     .params = (const void *[]){ &to, &from }, .reports = &d->reports };
    vgpu_launch(d->module, "k", &l, err);
}

static void expect(Device *d, const char *text)
{
    char line[VGPU_ERROR];
    assert_int_equal(d->reports.count, 1);
    vgpu_report_format(&d->reports.list[0], line);
    if (!strstr(line, text))
        fail_msg("'%s' does not say '%s'", line, text);
}

static void test_kernels_that_nothing_orders(void **state)
{
    Device *d = *state;
    begin(d, 0, 0, 0, 0, "'k' on stream 1");
    run(d, d->b, d->a);
    begin(d, 1, 0, 0, 0, "'k' on stream 2");
    run(d, d->c, d->b);
    expect(d, "vgpu: stream-race: copy.cu:7: k block 0,0,0 thread 0,0,0 reads byte 0 of 'b', which "
              "'k' on stream 1 wrote at copy.cu:8 with no wait between (8 times)");
}

static void test_kernels_in_order(void **state)
{
    Device *d = *state;
    begin(d, 0, 0, 0, 0, "first");
    run(d, d->b, d->a);
    begin(d, 0, 1, 0, 0, "second");                           // of the same queue
    run(d, d->b, d->a);
    begin(d, 1, 2, 0, 0, "third");                            // has waited
    run(d, d->c, d->b);
    begin(d, 2, 0, 0, 0, "fourth");                           // reads what others only read
    assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, false, &d->reports));
    assert_int_equal(d->reports.count, 0);
}

// Two streams read; a third that waited for one of them writes, whichever of the two ran last.
static void test_every_reader_counts(void **state)
{
    Device *d = *state;
    for (int last = 0; last < 2; last++) {
        for (int k = 0; k < 2; k++) {
            begin(d, k == last ? 1 : 0, 2 * (unsigned)last, 2 * (unsigned)last, 0, "a reader");
            assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, false, &d->reports));
        }
        assert_int_equal(d->reports.count, 0);
        begin(d, 2, 2 * (unsigned)last + 1, 2 * (unsigned)last, (unsigned)last, "the writer");
        assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, true, &d->reports));
        expect(d, "the writer writes byte 0 of 'a', which a reader read with no wait between");
        d->reports.count = 0;
        begin(d, 0, 2 * (unsigned)last + 1, 2 * (unsigned)last + 1, (unsigned)last + 1, "all wait");
        assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, true, &d->reports));
        begin(d, 1, 2 * (unsigned)last + 2, 2 * (unsigned)last + 1, (unsigned)last + 1, "all wait");
        assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, true, &d->reports));
        assert_int_equal(d->reports.count, 0);
    }
}

static void test_copies(void **state)
{
    Device *d = *state;
    begin(d, 0, 0, 0, 0, "a copy");
    assert_true(vgpu_memory_touch(d->memory, d->a + 1, 4, true, &d->reports));
    assert_false(vgpu_memory_touch(d->memory, d->c + 1, sizeof d->c, true, &d->reports));
    expect(d, "vgpu: out-of-bounds: a copy touches 32 bytes at byte 4 of the 32 of 'c', across its end");
    d->reports.count = 0;
    begin(d, 1, 0, 0, 0, "'k' on stream 2");
    run(d, d->b, d->a);
    expect(d, "copy.cu:7: k block 0,0,0 thread 1,0,0 reads byte 4 of 'a', which a copy wrote with no wait");
    d->reports.count = 0;
    vgpu_memory_settle(d->memory, &(VgpuClock){ .done = { 1, 1 } });         // the host has waited for both
    begin(d, 2, 1, 1, 0, "a fill");
    assert_true(vgpu_memory_touch(d->memory, d->a, sizeof d->a, true, &d->reports));
    assert_int_equal(d->reports.count, 0);
}

static void test_values_are_copied(void **state)
{
    Device *d = *state;
    begin(d, 0, 0, 0, 0, "a copy");
    assert_true(vgpu_memory_forget(d->memory, d->a + 2, 4));
    vgpu_memory_copied(d->memory, d->b, d->a, sizeof d->a);
    assert_true(vgpu_memory_need(d->memory, d->b, 8, &d->reports));
    assert_false(vgpu_memory_need(d->memory, d->b, sizeof d->b, &d->reports));
    expect(d, "vgpu: uninitialised: a copy reads byte 8 of 'b', which nothing has written");
}

static void test_owners(void **state)
{
    Device *d = *state;
    vgpu_memory_own(d->memory, d->b, 1);
    vgpu_memory_show(d->memory, 1 << 0);
    run(d, d->b, d->a);
    expect(d, "out-of-bounds");
    d->reports.count = 0;
    vgpu_memory_show(d->memory, 1 << 0 | 1 << 1);
    run(d, d->b, d->a);
    assert_int_equal(d->reports.count, 0);
}

// Without checks, too, what lies beside all memory is not touched.
static void test_unchecked_bounds(void **state)
{
    Device *d = *state;
    char err[VGPU_ERROR];
    int *to = d->b, *from = d->a - 4096;
    VgpuLaunch l = { .grid = { 1, 1, 1 }, .block = { 8, 1, 1 }, .memory = d->memory, .threads = 2,
                     .params = (const void *[]){ &to, &from } };
    assert_false(vgpu_launch(d->module, "k", &l, err));
    assert_non_null(strstr(err, "vgpu: out-of-bounds: copy.cu:7:"));
    from = (int *)(void *)((char *)d->a + 2);
    assert_false(vgpu_launch(d->module, "k", &l, err));
    assert_non_null(strstr(err, "vgpu: misaligned: copy.cu:7:"));
}

// Parts of one allocation with nothing between them.
static void test_regions(void **state)
{
    Device *d = *state;
    int arena[40] = { 0 };
    vgpu_memory_add(d->memory, arena, sizeof arena, "arena");
    assert_true(vgpu_memory_region(d->memory, arena, 32, "conv1"));
    assert_true(vgpu_memory_region(d->memory, arena + 8, 24, "conv2"));
    assert_true(vgpu_memory_region(d->memory, arena + 14, 32, "conv3"));
    assert_true(vgpu_memory_region(d->memory, arena + 14, 64, "later"));                 // overlaps
    assert_false(vgpu_memory_region(d->memory, arena + 39, 8, "too long"));
    run(d, arena + 14, arena);
    assert_int_equal(d->reports.count, 0);
    run(d, d->b, arena + 16);                                 // into a part
    assert_int_equal(d->reports.count, 0);
    run(d, d->b, arena + 8);
    expect(d, "thread 6,0,0 reads 4 bytes 0 bytes behind the end of 'conv2' (24 bytes), in 'later' (2 ");
    d->reports.count = 0;
    assert_true(vgpu_memory_touch(d->memory, arena, sizeof arena, true, &d->reports));   // no kernel
    assert_int_equal(d->reports.count, 0);
    vgpu_memory_remove(d->memory, arena);
    vgpu_memory_add(d->memory, arena, sizeof arena, "arena");
    run(d, d->b, arena + 8);
    assert_int_equal(d->reports.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_device, close_device)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kernels_that_nothing_orders), TEST(test_kernels_in_order), TEST(test_every_reader_counts),
        TEST(test_copies), TEST(test_values_are_copied), TEST(test_owners), TEST(test_unchecked_bounds),
        TEST(test_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
