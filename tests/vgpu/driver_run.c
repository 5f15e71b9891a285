#include "vgpu/driver_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

char said[1 << 16];

const char kernels[] =
    ".version 7.0\n.target sm_80\n.address_size 64\n.file 1 \"scale.cu\"\n"
    ".visible .entry scale(.param .u64 to, .param .u64 from, .param .f32 factor)\n{\n"
    ".reg .pred %p<2>; .reg .f32 %f<4>; .reg .b32 %r<5>; .reg .b64 %rd<6>;\n"
    "ld.param.u64 %rd1, [to]; ld.param.u64 %rd2, [from]; ld.param.f32 %f1, [factor];\n"
    "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;\n"
    "setp.ge.s32 %p1, %r4, 1000; @%p1 bra $end;\n"
    "mul.wide.s32 %rd3, %r4, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n"
    ".loc 1 4 0\nld.global.f32 %f2, [%rd5]; mul.f32 %f3, %f2, %f1;\n"
    ".loc 1 5 0\nst.global.f32 [%rd4], %f3;\n$end: ret;\n}\n"
    ".visible .entry trap()\n{\n.loc 1 9 0\ntrap;\nret;\n}\n";

int open_machine(Machine *m, int device)
{
    TRY(cuInit(0));
    TRY(cuDevicePrimaryCtxRetain(&m->context, device));
    TRY(cuCtxSetCurrent(m->context));
    TRY(cuModuleLoadDataEx(&m->module, kernels, 0, NULL, NULL));
    TRY(cuModuleGetFunction(&m->scale, m->module, "scale"));
    TRY(cuModuleGetFunction(&m->trap, m->module, "trap"));
    for (int k = 0; k < 2; k++)
        TRY(cuStreamCreate(&m->streams[k], DRIVER_STREAM_NON_BLOCKING));
    for (int k = 0; k < 4; k++)
        TRY(cuMemAlloc_v2(&m->buffers[k], COUNT * sizeof(float)));
    return 0;
}

void close_machine(Machine *m, int device)
{
    cuCtxSetCurrent(m->context);
    for (int k = 0; k < 4; k++)
        cuMemFree_v2(m->buffers[k]);
    for (int k = 0; k < 2; k++)
        cuStreamDestroy_v2(m->streams[k]);
    cuModuleUnload(m->module);
    cuDevicePrimaryCtxRelease_v2(device);
}

int scale(const Machine *m, int stream, int to, int from, float factor)
{
    DriverAddress a = m->buffers[to], b = m->buffers[from];
    void *params[] = { &a, &b, &factor };
    return (int)cuLaunchKernel(m->scale, (COUNT + 127) / 128, 1, 1, 128, 1, 1, 0, m->streams[stream], params,
                               NULL);
}

static void set_environment(const char *environment)
{
    char copy[512], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", environment);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        *value = 0;
        setenv(word, value + 1, 1);
    }
}

int run_program(Program *program, const char *environment)
{
    int ends[2], status;
    size_t n = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        set_environment(environment);
        alarm(60);                                            // none may hang
        exit(program());
    }
    close(ends[1]);
    for (ssize_t got; (got = read(ends[0], said + n, sizeof said - 1 - n)) > 0;) {
        n += (size_t)got;
        if (n < sizeof said - 1)
            continue;
        n /= 2;                                               // the end of it is kept
        memmove(said, said + sizeof said - 1 - n, n);
    }
    said[n] = 0;
    close(ends[0]);
    assert_true(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void expect_program(Program *program, const char *environment, int status, const char *text)
{
    int got = run_program(program, environment);
    if (got != status)
        fail_msg("%s: status %d, not %d; it said: %s", environment, got, status, said);
    if (text ? !strstr(said, text) : said[0])
        fail_msg("%s: it said '%s', not '%s'", environment, said, text ? text : "");
}
