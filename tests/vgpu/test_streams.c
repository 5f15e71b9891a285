// Streams, events, graphs and copies of the virtual GPU: right in every order that is drawn, and what is
// said when a wait is missing.
#include "vgpu/driver_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { BYTES = COUNT * (int)sizeof(float) };

// --- two devices -----------------------------------------------------------------------------------

typedef struct {
    Machine     m[2];
    DriverEvent ready, done;
    float      *in, *out;              // pinned
} Pair;

static int open_pair(Pair *p)
{
    for (int k = 0; k < 2; k++)
        if (open_machine(&p->m[k], k))
            return FAILED;
    TRY(cuEventCreate(&p->done, DRIVER_EVENT_DISABLE_TIMING));
    TRY(cuCtxSetCurrent(p->m[0].context));
    TRY(cuEventCreate(&p->ready, DRIVER_EVENT_DISABLE_TIMING));
    TRY(cuMemHostAlloc((void **)&p->in, BYTES, DRIVER_HOST_PORTABLE));
    TRY(cuMemHostAlloc((void **)&p->out, BYTES, DRIVER_HOST_PORTABLE));
    for (int k = 0; k < COUNT; k++)
        p->in[k] = (float)k;
    return 0;
}

static int close_pair(Pair *p, int result)
{
    cuCtxSetCurrent(p->m[0].context);
    cuMemFreeHost(p->in);
    cuMemFreeHost(p->out);
    cuEventDestroy_v2(p->ready);
    cuEventDestroy_v2(p->done);
    for (int k = 0; k < 2; k++)
        if (p->m[k].context)
            close_machine(&p->m[k], k);
    return result;
}

// 2 * in on one device, copied to the other, 3 * that there, and to the host.
static int send(Pair *p, bool waits)
{
    Machine *a = &p->m[0], *b = &p->m[1];
    TRY(cuMemcpyHtoDAsync_v2(a->buffers[0], p->in, BYTES, a->streams[0]));
    TRY(scale(a, 0, 1, 0, 2));
    if (waits) {
        TRY(cuEventRecord(p->ready, a->streams[0]));
        TRY(cuStreamWaitEvent(a->streams[1], p->ready, 0));
    }
    TRY(cuMemcpyPeerAsync(b->buffers[0], b->context, a->buffers[1], a->context, BYTES, a->streams[1]));
    TRY(cuEventRecord(p->ready, a->streams[1]));
    TRY(cuCtxSetCurrent(b->context));
    TRY(cuStreamWaitEvent(b->streams[0], p->ready, 0));
    TRY(scale(b, 0, 1, 0, 3));
    TRY(cuMemcpyDtoHAsync_v2(p->out, b->buffers[1], BYTES, b->streams[0]));
    TRY(cuEventRecord(p->done, b->streams[0]));
    TRY(cuEventSynchronize(p->done));
    TRY(cuCtxSetCurrent(a->context));
    return p->out[1] == 6 && p->out[COUNT - 1] == 6 * (COUNT - 1) ? 0 : WRONG;
}

static int send_three_times(void)
{
    Pair p = { .in = NULL };
    int result = open_pair(&p);
    for (int k = 0; !result && k < 3; k++)
        result = send(&p, true);
    return close_pair(&p, result);
}

static int send_without_a_wait(void)
{
    Pair p = { .in = NULL };
    int result = open_pair(&p);
    if (!result)
        send(&p, false);
    return close_pair(&p, result);
}

static void test_two_devices_in_any_order(void **state)
{
    char environment[64];
    (void)state;
    for (int seed = 0; seed <= 5; seed++) {
        snprintf(environment, sizeof environment, "VGPU_CHECK=1 VGPU_SEED=%d", seed);
        expect_program(send_three_times, environment, 0, NULL);
        expect_program(send_without_a_wait, environment, 0, "vgpu: stream-race: ");
    }
    expect_program(send_three_times, "VGPU_SEED=0", 0, NULL);
    expect_program(send_without_a_wait, "VGPU_CHECK=1", 0,
                   "writes byte 0 of 'allocation 2 of gpu0', which a copy on stream 2 of gpu0 read with no");
}

// Every call fails once, with three codes: the program always ends, with what it has given back.
static void test_every_call_fails(void **state)
{
    static const char *const names[] = {
        "cuInit", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuModuleLoadDataEx", "cuModuleGetFunction",
        "cuStreamCreate", "cuMemAlloc", "cuEventCreate", "cuMemHostAlloc", "cuMemcpyHtoDAsync",
        "cuLaunchKernel", "cuEventRecord", "cuStreamWaitEvent", "cuMemcpyPeerAsync", "cuMemcpyDtoHAsync",
        "cuEventSynchronize",
    };
    static const int codes[] = { DRIVER_ERROR_OUT_OF_MEMORY, DRIVER_ERROR_ILLEGAL_ADDRESS,
                                 DRIVER_ERROR_UNKNOWN };
    char environment[96];
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        snprintf(environment, sizeof environment, "VGPU_FAIL=cuMemcpyX:1:2,%s:1:%d", names[k], codes[k % 3]);
        expect_program(send_three_times, environment, FAILED, NULL);
    }
    expect_program(send_three_times, "VGPU_FAIL=cuLaunchKernel:7:2", 0, NULL);          // there are six
    expect_program(send_three_times, "VGPU_CALLS=1", 0, "vgpu: calls: cuLaunchKernel 6\n");
}

// --- graphs ----------------------------------------------------------------------------------------

// buffer 1 = 2 * buffer 0 on one stream, buffer 2 = 3 * it on another, buffer 0 = 5 * buffer 1 behind both.
static int capture(Machine *m, DriverEvent e, bool joins, bool orders, DriverGraph *graph)
{
    TRY(cuStreamBeginCapture_v2(m->streams[0], DRIVER_CAPTURE_MODE_GLOBAL));
    TRY(cuEventRecord(e, m->streams[0]));
    TRY(cuStreamWaitEvent(m->streams[1], e, 0));
    TRY(scale(m, 0, 1, 0, 2));
    TRY(scale(m, 1, 2, 0, 3));
    TRY(cuEventRecord(e, m->streams[1]));
    if (!orders)
        TRY(scale(m, 0, 0, 1, 5));
    if (joins)
        TRY(cuStreamWaitEvent(m->streams[0], e, 0));
    if (orders)
        TRY(scale(m, 0, 0, 1, 5));
    return (int)cuStreamEndCapture(m->streams[0], graph);
}

static int launch_graph(Machine *m, DriverGraph graph)
{
    static float to[3][COUNT], from[COUNT];
    DriverGraphExec exec;
    for (int k = 0; k < COUNT; k++)
        from[k] = (float)k;
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuGraphDestroy(graph));
    TRY(cuMemcpyHtoDAsync_v2(m->buffers[0], from, BYTES, m->streams[0]));
    for (int k = 0; k < 3; k++)
        TRY(cuGraphLaunch(exec, m->streams[0]));
    TRY(cuStreamSynchronize(m->streams[0]));
    for (int k = 0; k < 3; k++)
        TRY(cuMemcpyDtoH_v2(to[k], m->buffers[k], BYTES));
    TRY(cuGraphExecDestroy(exec));
    return to[0][7] == 7000 && to[1][7] == 1400 && to[2][7] == 2100 && to[2][COUNT - 1] == 300 * (COUNT - 1)
               ? 0 : WRONG;
}

static int graph_program(bool joins, bool orders)
{
    Machine m;
    DriverEvent e;
    DriverGraph graph = NULL;
    int result = open_machine(&m, 0);
    if (result || cuEventCreate(&e, 0))
        return FAILED;
    result = capture(&m, e, joins, orders, &graph);
    result = result ? result & 0x7f : launch_graph(&m, graph);
    cuEventDestroy_v2(e);
    close_machine(&m, 0);
    return result;
}

static int good_graph(void) { return graph_program(true, true); }
static int graph_that_overtakes(void) { return graph_program(true, false) == FAILED; }
static int graph_without_a_join(void) { return graph_program(false, true); }

static int capture_what_waits(void)
{
    Machine m;
    DriverGraph graph;
    DriverAddress more;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuStreamBeginCapture_v2(m.streams[0], DRIVER_CAPTURE_MODE_GLOBAL));
    bool refused = cuMemAlloc_v2(&more, 4) == DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED &&
                   scale(&m, 0, 0, 1, 1) == DRIVER_ERROR_STREAM_CAPTURE_INVALIDATED &&
                   cuStreamEndCapture(m.streams[0], &graph) == DRIVER_ERROR_STREAM_CAPTURE_INVALIDATED &&
                   !graph && cuMemAlloc_v2(&more, 4) == DRIVER_SUCCESS && !cuMemFree_v2(more);
    close_machine(&m, 0);
    return refused ? 0 : WRONG;
}

static void test_graphs(void **state)
{
    char environment[64];
    (void)state;
    for (int seed = 0; seed <= 5; seed++) {
        snprintf(environment, sizeof environment, "VGPU_CHECK=1 VGPU_SEED=%d", seed);
        expect_program(good_graph, environment, 0, NULL);
        expect_program(graph_that_overtakes, environment, 0, "vgpu: stream-race: ");
    }
    expect_program(graph_without_a_join, "", DRIVER_ERROR_STREAM_CAPTURE_UNJOINED & 0x7f, NULL);
    expect_program(capture_what_waits, "", 0, NULL);
}

// --- the host --------------------------------------------------------------------------------------

// The host looks at a result, and changes what is being copied, before it waits.
static int host_is_early(void)
{
    Pair p = { .in = NULL };
    int result = open_pair(&p);
    p.in[3] = 1;
    p.out[3] = 3;
    TRY(cuMemcpyHtoDAsync_v2(p.m[0].buffers[0], p.in, BYTES, p.m[0].streams[0]));
    TRY(cuMemcpyDtoHAsync_v2(p.out, p.m[0].buffers[0], BYTES, p.m[0].streams[0]));
    bool is_early = p.out[3] != 1 && p.out[3] != 3;           // nothing that could be meant
    p.in[3] = 2;
    TRY(cuStreamSynchronize(p.m[0].streams[0]));
    return close_pair(&p, !result && is_early && p.out[3] == 2 ? 0 : WRONG);
}

static int wait_for_nothing(void)
{
    Pair p = { .in = NULL };
    int result = open_pair(&p);
    TRY(cuStreamWaitEvent(p.m[0].streams[0], p.ready, 0));
    return close_pair(&p, result);
}

static DriverResult called_back = DRIVER_SUCCESS;
static void call_back(void *data)
{
    int *count = data;
    ++*count;
    called_back = cuCtxSynchronize();
}

static int call_the_host(void)
{
    Machine m;
    int count = 0;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuLaunchHostFunc(m.streams[0], call_back, &count));
    bool early = count;
    TRY(cuStreamSynchronize(m.streams[0]));
    close_machine(&m, 0);
    return !early && count == 1 && called_back == DRIVER_ERROR_NOT_PERMITTED ? 0 : WRONG;
}

static int graph_without_its_module(void)
{
    Machine m;
    DriverGraph graph;
    DriverGraphExec exec;
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuStreamBeginCapture_v2(m.streams[0], DRIVER_CAPTURE_MODE_RELAXED));
    TRY(scale(&m, 0, 0, 1, 1));
    TRY(cuStreamEndCapture(m.streams[0], &graph));
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuModuleUnload(m.module));
    bool refused = cuGraphLaunch(exec, m.streams[0]) == DRIVER_ERROR_INVALID_HANDLE;
    TRY(cuGraphExecDestroy(exec));
    TRY(cuGraphDestroy(graph));
    close_machine(&m, 0);
    return refused ? 0 : WRONG;
}

static int the_null_stream_orders(void)
{
    Machine m;
    DriverStream blocking;
    static float in[COUNT] = { [5] = 5 }, out[COUNT];
    if (open_machine(&m, 0))
        return FAILED;
    TRY(cuStreamCreate(&blocking, 0));
    TRY(cuMemcpyHtoDAsync_v2(m.buffers[0], in, BYTES, blocking));
    TRY(cuMemcpyDtoDAsync_v2(m.buffers[1], m.buffers[0], BYTES, NULL));
    TRY(cuMemcpyDtoDAsync_v2(m.buffers[2], m.buffers[1], BYTES, blocking));
    TRY(cuMemcpyDtoH_v2(out, m.buffers[2], BYTES));
    TRY(cuStreamDestroy_v2(blocking));
    close_machine(&m, 0);
    return out[5] == 5 ? 0 : WRONG;
}

static void test_the_host(void **state)
{
    (void)state;
    expect_program(host_is_early, "VGPU_CHECK=1", 0, "vgpu: host-race: a copy on stream 1 of gpu0: the host");
    expect_program(wait_for_nothing, "VGPU_CHECK=1", 0, "vgpu: lost-event: stream 1 of gpu0 waits for an");
    expect_program(call_the_host, "VGPU_CHECK=1", 0, NULL);
    expect_program(graph_without_its_module, "VGPU_CHECK=1", 0, NULL);
    for (int seed = 0; seed < 3; seed++) {
        char environment[64];
        snprintf(environment, sizeof environment, "VGPU_CHECK=1 VGPU_SEED=%d", seed);
        expect_program(the_null_stream_orders, environment, 0, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_devices_in_any_order), cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_graphs), cmocka_unit_test(test_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
