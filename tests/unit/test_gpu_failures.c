// Every call of the driver and of cuBLAS in two training steps on two virtual GPUs ends badly once with each
// of four codes: what is said names the call, the device knows that it has failed (exit code 4 of every
// verb), nothing hangs, and under AddressSanitizer nothing is left. Before each call the run forks, a child
// for each code, which goes on from there. A fork of a sanitized process is slow: that one tries all codes
// with the first calls of a function, then one in turn (./check runs both builds).
#include "reference/folder.h"
#include "reference/gpu_run.h"
#include "runtime/cuda/driver_abi.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CODES = 4, SECONDS = 30, LEAST_CALLS = 400 };
#ifdef __SANITIZE_ADDRESS__
enum { FIRST = 2 };                    // calls of a function that end with every code
#else
enum { FIRST = 1 << 30 };
#endif

static const char net[] =
    "net two : 1x4x4 -> 4 {\n"
    "  split(gpu0, gpu1) { conv(4, 3) -> relu } -> fc(4) -> softmax\n"
    "}\n"
    "train two on noise { loss = cross_entropy  batch = 2  solver = sgd(lr = 0.1) }\n"
    "data noise { train = random(4, 1x4x4, seed = 1, count = 4) }\n";

// Of this process: the call that was made to fail; none in the run that forks.
static struct { const char *function; bool at_end; } failed;
typedef struct { pid_t pid; int words; } Child;
static int calls, failures, bad;                             // in the run that forks
static cpu_set_t every_cpu;

// --- a child --------------------------------------------------------------------------------------

// Calls whose failure ends nothing: what is closed is closed.
static bool may_fail(const char *name)
{
    return strstr(name, "Destroy") || strstr(name, "Release") || strstr(name, "Free")
        || strstr(name, "Unload");
}

static bool judge_end(const GpuResult *r)
{
    if (!failed.function) {
        print_message("%d calls, %d failures, %d not as they should be\n", calls, failures, bad);
        fflush(stdout);
        return r->end == GPU_RUN_DONE && !bad && calls >= LEAST_CALLS;
    }
    bool told = r->end == GPU_RUN_REFUSED && strstr(r->err, failed.function) && (!r->opened || r->has_failed);
    bool is_fine = told || failed.at_end || (r->end == GPU_RUN_DONE && may_fail(failed.function));
    if (!is_fine)
        fprintf(stderr, "ended %d after %d steps, %s, %s: `%s`\n", (int)r->end, r->steps,
                r->opened ? "opened" : "not opened", r->has_failed ? "has failed" : "works", r->err);
    return is_fine;
}

// --- the run --------------------------------------------------------------------------------------

static void print_words(const char *function, long count, unsigned code, int status, int words)
{
    char text[2048];
    ssize_t size = pread(words, text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    bool is_signal = WIFSIGNALED(status);
    print_message("%s:%ld:%u: %s %d: %s\n", function, count, code, is_signal ? "signal" : "exit code",
                  is_signal ? WTERMSIG(status) : WEXITSTATUS(status), text);
}

// A child in which this call ends with `code`, to be returned; in the run itself 0.
static unsigned fork_failure(const char *function, unsigned code, const GpuResult *so_far, Child *child)
{
    child->words = memfd_create("words", MFD_CLOEXEC);
    child->pid = fork();
    assert_true(child->words >= 0 && child->pid >= 0);
    if (child->pid)
        return 0;
    alarm(SECONDS);
    sched_setaffinity(0, sizeof every_cpu, &every_cpu);
    dup2(child->words, STDERR_FILENO);
    unsetenv("VGPU_CALLS");
    failed.function = function;
    failed.at_end = so_far->end == GPU_RUN_DONE;
    return code;
}

static unsigned fail_in_children(const char *function, long count, const unsigned codes[CODES],
                                 const GpuResult *so_far)
{
    Child child[CODES];
    int first = count > FIRST ? calls % CODES : 0, end = count > FIRST ? first + 1 : CODES, status;
    for (int i = first; i < end; i++) {
        unsigned code = fork_failure(function, codes[i], so_far, &child[i]);
        if (code)
            return code;
    }
    for (int i = first; i < end; i++) {
        assert_int_equal(waitpid(child[i].pid, &status, 0), child[i].pid);
        failures++;
        bad += status != 0;
        if (status)
            print_words(function, count, codes[i], status, child[i].words);
        close(child[i].words);
    }
    return 0;
}

static unsigned on_call(const char *function, long count, const GpuResult *so_far)
{
    static const unsigned driver[CODES] = { DRIVER_ERROR_INVALID_VALUE, DRIVER_ERROR_OUT_OF_MEMORY,
                                            DRIVER_ERROR_ILLEGAL_ADDRESS, DRIVER_ERROR_UNKNOWN };
    static const unsigned blas[CODES] = { CUBLAS_NOT_INITIALIZED, CUBLAS_ALLOC_FAILED,
                                          CUBLAS_EXECUTION_FAILED, CUBLAS_UNSUPPORTED };
    if (failed.function || strncmp(function, "cu", 2) != 0)       // one failure a process
        return 0;
    calls++;
    return fail_in_children(function, count, strncmp(function, "cublas", 6) ? driver : blas, so_far);
}

static void every_call_fails(void **state)
{
    GpuResult r;
    cpu_set_t one;
    (void)state;
    if (!gpu_run_possible())
        skip();
    // A fork takes one thread along: the run that forks has no other, as on a machine with one CPU.
    assert_int_equal(sched_getaffinity(0, sizeof every_cpu, &every_cpu), 0);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_true(gpu_run_plan(in_folder("two.net"), "sm_80", in_folder("cublas.plan")) > 1);
    gpu_run(&(GpuRun){ .path = in_folder("two.net"), .target = "sm_80", .plan = in_folder("cublas.plan"),
                       .devices = 2, .steps = 2, .on_call = on_call, .judge = judge_end }, &r);
    if (r.end != GPU_RUN_DONE)
        fail_msg("%s", r.said);
    assert_non_null(strstr(r.said, "cublasGemmEx"));
}

static int open_net(void **state)
{
    if (folder_make(state))
        return 1;
    FILE *f = fopen(in_folder("two.net"), "w");
    return !f || fputs(net, f) < 0 || fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_call_fails) };
    return cmocka_run_group_tests_name("GPU failures", tests, open_net, folder_remove);
}
