// In: nets. Out: processes that judge their kernels, and how many did.
#include "reference/cuda_jobs.h"
#include "base/clock.h"
#include "pass/pass.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { PRECISIONS = 3, JOBS_MOST = 512 };

// What one process leaves for the parent.
typedef struct { int kernels, runs[64]; double seconds; } Result;

typedef struct { const CudaNet *net; Element precision; Nvrtc *nvrtc; Result *result; } Job;

static void make_graph(SmallNet *s, const CudaNet *net, const Target *target)
{
    diag_open(&s->diag, &s->arena);
    s->g = graph_new(&s->arena, &s->diag, net->name, GRAPH_TRAIN, net->batch);
    graph_device(s->g, "gpu0");
    net->build(s, net->with);
    PassOptions o = { target, net->fuse, net->fuse_update, true, 1, NULL };
    if (pass_run(s->g, &o, NULL))
        return;
    diag_print(&s->diag, stdout, false);
    fail_msg("%s, %s: refused", net->name, target->name);
}

void cuda_net_open(const CudaNet *net, Element precision, Nvrtc *nvrtc, SmallNet *s, CudaCase *c)
{
    const Target *target = target_with(target_find("sm_80"), precision);
    make_graph(s, net, target);
    *c = (CudaCase){ .arena = &s->arena, .graph = s->g, .target = target, .nvrtc = nvrtc };
    c->evaluator = evaluator_open(&s->arena, s->g);
    evaluator_fill(c->evaluator, 11 + net->with);
    if (net->batch > 2)
        c->evaluator->label[1] = -1;                         // no sample
    c->evaluator->frozen = c->evaluator->is_first = true;
    evaluator_run(c->evaluator);
}

static void check_net(void **state)
{
    const Job *job = *state;
    SmallNet s = { 0 };
    CudaCase c;
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    cuda_net_open(job->net, job->precision, job->nvrtc, &s, &c);
    cuda_case_check_all(&c);
    job->result->kernels = c.kernels;
    memcpy(job->result->runs, c.runs, sizeof c.runs);
    arena_close(&s.arena);
}

const char *cuda_precision(Element e)
{
    return e == ELEMENT_BF16 ? "bf16" : e == ELEMENT_TF32 ? "tf32" : "fp32";
}

// In a process of its own, whose words are kept in `words`.
static void run_job(Job *job, int words)
{
    double start = clock_seconds();
    const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(check_net, job) };
    dup2(words, 1);
    dup2(words, 2);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    job->result->seconds = clock_seconds() - start;
    fflush(stdout);
    _exit(failed ? 1 : 0);
}

static void print_words(FILE *words)
{
    char line[1024];
    rewind(words);
    while (fgets(line, sizeof line, words))
        if (strstr(line, "[  ERROR") || strstr(line, "[   LINE") || strstr(line, ": "))
            print_message("  %s", line);
}

typedef struct { pid_t pid; FILE *words; Job job; } Running;

static bool is_wanted(const CudaJobs *jobs, const CudaNet *net, Element precision)
{
    const char *only = getenv("CLEAVE_TEST_NETS");           // part of "NAME, bf16"
    char name[128];
    snprintf(name, sizeof name, "%s, %s", net->name, cuda_precision(precision));
    unsigned wanted = jobs->all || only ? net->precisions : net->quick;
    return (wanted >> precision & 1) && (!only || strstr(name, only));
}

static void start(Running *r, Job job)
{
    r->job = job;
    r->words = tmpfile();
    assert_non_null(r->words);
    fflush(stdout);
    r->pid = fork();
    if (r->pid == 0)
        run_job(&r->job, fileno(r->words));
    assert_true(r->pid > 0);
}

static void end_one(CudaJobs *jobs, Running *running, int places)
{
    int status, i = 0;
    pid_t pid = wait(&status);
    while (i < places && running[i].pid != pid)
        i++;
    assert_true(i < places);
    Running *r = &running[i];
    const Result *result = r->job.result;
    bool failed = !WIFEXITED(status) || WEXITSTATUS(status);
    if (failed || getenv("CLEAVE_TEST_TIMES"))
        print_message("%s, %s: %s, %d kernels in %.2f s\n", r->job.net->name,
                      cuda_precision(r->job.precision), failed ? "FAILED" : "right", result->kernels,
                      result->seconds);
    if (failed)
        print_words(r->words);
    jobs->failed += failed;
    jobs->kernels += result->kernels;
    for (int b = 0; b < 64; b++)
        jobs->runs[b] += result->runs[b];
    fclose(r->words);
    r->pid = 0;
}

bool cuda_jobs_run(CudaJobs *jobs)
{
    Nvrtc nvrtc;
    Running running[64] = { { 0 } };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int places = cpus < 1 ? 1 : cpus > 8 ? 8 : (int)cpus, alive = 0, count = 0;
    double begin = clock_seconds();
    if (!cuda_open_nvrtc(&nvrtc))
        return false;
    Result *results = mmap(NULL, JOBS_MOST * sizeof *results, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(results != MAP_FAILED);
    for (const CudaNet *net = jobs->nets; net->name; net++)
        for (int p = 0; p < PRECISIONS; p++) {
            if (!is_wanted(jobs, net, (Element)p))
                continue;
            if (alive == places) {
                end_one(jobs, running, places);
                alive--;
            }
            int i = 0;
            while (running[i].pid)
                i++;
            assert_true(count < JOBS_MOST);
            start(&running[i], (Job){ net, (Element)p, &nvrtc, &results[count++] });
            alive++;
        }
    for (; alive; alive--)
        end_one(jobs, running, places);
    munmap(results, JOBS_MOST * sizeof *results);
    jobs->seconds = clock_seconds() - begin;
    return true;
}
