// Random programs of streams, and graphs of them: with every wait that they need the numbers are right and
// nothing is reported; with one wait less a race is reported exactly when it was needed, whatever the order
// they run in.
#include "vgpu/driver_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { STREAMS = 4, BUFFERS = 4, OPERATIONS = 14, PROGRAMS = 12 };

typedef struct { int stream, to, from; bool copies; } Operation;
typedef struct { int of, by; } Wait;                          // operation `by` waits for `of`
typedef struct {
    Operation list[OPERATIONS];
    Wait      waits[OPERATIONS * OPERATIONS];
    int       wait_count;
} Streams;

static unsigned draw(unsigned *state, unsigned below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % below;
}

static bool conflict(const Operation *a, const Operation *b)
{
    return a->to == b->to || a->to == b->from || a->from == b->to;
}

typedef bool Before[OPERATIONS][OPERATIONS];

// Which operation ends before which begins: in one stream, by waits other than `without`, and by both.
static void find_order(const Streams *p, int operations, int without, Before before)
{
    memset(before, 0, sizeof(Before));
    for (int b = 0; b < operations; b++) {
        for (int a = 0; a < b; a++)
            before[a][b] = p->list[a].stream == p->list[b].stream;
        for (int w = 0; w < p->wait_count; w++)
            if (w != without && p->waits[w].by == b)
                before[p->waits[w].of][b] = true;
        for (int middle = 0; middle < b; middle++)
            for (int a = 0; before[middle][b] && a < middle; a++)
                before[a][b] |= before[a][middle];
    }
}

static bool races(const Streams *p, int without)
{
    Before before;
    find_order(p, OPERATIONS, without, before);
    for (int b = 0; b < OPERATIONS; b++)
        for (int a = 0; a < b; a++)
            if (!before[a][b] && conflict(&p->list[a], &p->list[b]))
                return true;
    return false;
}

static void make(Streams *p, unsigned seed)
{
    Before before;
    p->wait_count = 0;
    for (int b = 0; b < OPERATIONS; b++) {
        Operation *new = &p->list[b];
        new->stream = (int)draw(&seed, STREAMS);
        new->to = (int)draw(&seed, BUFFERS);
        new->from = (new->to + 1 + (int)draw(&seed, BUFFERS - 1)) % BUFFERS;
        new->copies = draw(&seed, 2);
        for (int a = b - 1; a >= 0; a--) {
            find_order(p, b + 1, -1, before);
            if (!before[a][b] && conflict(&p->list[a], new))
                p->waits[p->wait_count++] = (Wait){ a, b };
        }
    }
}

// A wait is for an event recorded right behind its operation, though asked for later.
static int queue(const Streams *p, int without, const Machine *m, const DriverStream *streams,
                 DriverEvent *events)
{
    for (int b = 0; b < OPERATIONS; b++) {
        const Operation *o = &p->list[b];
        for (int w = 0; w < p->wait_count; w++)
            if (w != without && p->waits[w].by == b)
                TRY(cuStreamWaitEvent(streams[o->stream], events[p->waits[w].of], 0));
        DriverAddress to = m->buffers[o->to], from = m->buffers[o->from];
        float factor = 2;
        if (o->copies)
            TRY(cuMemcpyDtoDAsync_v2(to, from, COUNT * sizeof(float), streams[o->stream]));
        else
            TRY(cuLaunchKernel(m->scale, 8, 1, 1, 128, 1, 1, 0, streams[o->stream],
                               (void *[]){ &to, &from, &factor }, NULL));
        TRY(cuEventRecord(events[b], streams[o->stream]));
    }
    return 0;
}

// The same as a graph: the other streams begin behind the first, which ends behind them.
static int launch_graph(const Streams *p, int without, const Machine *m, const DriverStream *streams,
                        DriverEvent *events)
{
    DriverGraph graph;
    DriverGraphExec exec;
    TRY(cuStreamBeginCapture_v2(streams[0], DRIVER_CAPTURE_MODE_GLOBAL));
    TRY(cuEventRecord(events[0], streams[0]));
    for (int k = 1; k < STREAMS; k++)
        TRY(cuStreamWaitEvent(streams[k], events[0], 0));
    if (queue(p, without, m, streams, events))
        return FAILED;
    for (int k = 1; k < STREAMS; k++) {
        TRY(cuEventRecord(events[0], streams[k]));
        TRY(cuStreamWaitEvent(streams[0], events[0], 0));
    }
    TRY(cuStreamEndCapture(streams[0], &graph));
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuGraphLaunch(exec, streams[0]));
    TRY(cuStreamSynchronize(streams[0]));
    TRY(cuGraphExecDestroy(exec));
    return (int)cuGraphDestroy(graph);
}

static int check_numbers(const Streams *p, const Machine *m)
{
    float values[BUFFERS], got[COUNT];
    for (int k = 0; k < BUFFERS; k++)
        values[k] = (float)(k + 1);
    for (int b = 0; b < OPERATIONS; b++)
        values[p->list[b].to] = values[p->list[b].from] * (p->list[b].copies ? 1 : 2);
    for (int k = 0; k < BUFFERS; k++) {
        TRY(cuMemcpyDtoH_v2(got, m->buffers[k], sizeof got));
        if (got[0] != values[k] || got[COUNT - 1] != values[k])
            return WRONG;
    }
    return 0;
}

// How many faults are reported; below 0: an end that is not.
static int run(const Streams *p, int without, bool as_graph)
{
    Machine m;
    DriverStream streams[STREAMS];
    DriverEvent events[OPERATIONS];
    int result = open_machine(&m, 0), first = cleave_vgpu_reports();
    for (int k = 0; !result && k < STREAMS; k++)
        result = (int)cuStreamCreate(&streams[k], DRIVER_STREAM_NON_BLOCKING);
    for (int k = 0; !result && k < OPERATIONS; k++)
        result = (int)cuEventCreate(&events[k], DRIVER_EVENT_DISABLE_TIMING);
    for (int k = 0; !result && k < BUFFERS; k++) {
        float value = (float)(k + 1);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        result = (int)cuMemsetD32Async(m.buffers[k], bits, COUNT, streams[0]);
    }
    if (result || cuStreamSynchronize(streams[0]) ||
        (as_graph ? launch_graph : queue)(p, without, &m, streams, events))
        return -1;
    if (cuCtxSynchronize() || (without < 0 && check_numbers(p, &m)))
        return -1;
    for (int k = 0; k < STREAMS; k++)
        cuStreamDestroy_v2(streams[k]);
    for (int k = 0; k < OPERATIONS; k++)
        cuEventDestroy_v2(events[k]);
    int found = cleave_vgpu_reports() - first;
    close_machine(&m, 0);
    return found;
}

static int random_programs(void)
{
    Streams p;
    int needed = 0;
    for (unsigned k = 0; k < PROGRAMS; k++) {
        bool as_graph = k & 1;
        make(&p, k);
        if (run(&p, -1, as_graph) != 0) {
            fprintf(stderr, "program %u: wrong, or reported\n", k);
            return WRONG;
        }
        for (int w = 0; w < p.wait_count; w++) {
            bool expected = races(&p, w);
            needed += expected;
            if ((run(&p, w, as_graph) > 0) != expected) {
                fprintf(stderr, "program %u without wait %d: %s\n", k, w, expected ? "not found" : "no race");
                return WRONG;
            }
        }
    }
    return needed > PROGRAMS ? 0 : WRONG;
}

static void test_random_programs(void **state)
{
    char environment[64];
    (void)state;
    for (int seed = 0; seed < 5; seed++) {
        snprintf(environment, sizeof environment, "VGPU_CHECK=1 VGPU_SEED=%d", seed);
        int got = run_program(random_programs, environment);
        if (got)
            fail_msg("%s: %d: %s", environment, got, strlen(said) > 300 ? said + strlen(said) - 300 : said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_programs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
