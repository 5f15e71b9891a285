// Does anybody notice a mistake in a kernel? Of the generated text of every kind of kernel one barrier,
// wait, commit, bound test or index term at a time is removed or flipped; the virtual GPU must report it or
// a number must come out wrong. Prints the score and everything that nobody noticed.
//
//     CLEAVE_TEST_MUTANTS=ALL    every place that can be changed, not MOST of each kind of kernel
#include "reference/cuda_jobs.h"
#include "reference/cuda_mutants.h"
#include <stdarg.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { KINDS = 128, INSTANCES = 12, MOST = 8, LEAST_MUTANTS = 100, SURVIVORS = 6000 };

// A kernel: of a group of a net.
typedef struct { int net; Element precision; int group; } Instance;      // net: in cuda_nets

// A kind of kernel: a body, what its group is rooted at, and for contractions the precision. What nobody
// notices in one instance is tried in the next one.
typedef struct { char name[64]; int pass, count; Instance of[INSTANCES]; } Kind;

// What became of its mutants.
typedef struct { int made, by_verdict[5], equal, by_change[MUTATIONS]; char survivors[SURVIVORS]; } Outcome;

typedef struct { Kind kinds[KINDS]; int count; _Atomic int next; Outcome of[KINDS]; } Work;

static const char *const nets[] = {
    "small AlexNet", "lrn, 1101 rows", "strides", "strides, stored", "pools 0", "pools 0, gradients stored",
    "pools 2", "lrn 0", "lrn 2", "lrn 5, maps", "lrn 7, parts", "lrn 1", "lrn 3", "lrn 6, maps",
    "moved vectors", "moved", "odd groups", "odd groups, stored", "fc in 2 groups", "fc in 2 groups, stored",
    "77 classes", "pools 1", "pools 3", "joined twice", "lrn, rows of 31", "1000 images, stored",
    "small AlexNet, 12 maps in 2 groups", "small AlexNet, unfused"
};

static int find_net(const char *name)
{
    for (int i = 0; cuda_nets[i].name; i++)
        if (!strcmp(cuda_nets[i].name, name))
            return i;
    fail_msg("no net '%s'", name);
    return -1;
}

// --- kinds --------------------------------------------------------------------------------------

static void add_instance(Work *work, const char *name, int pass, Instance of)
{
    int i = 0;
    while (i < work->count && strcmp(work->kinds[i].name, name))
        i++;
    assert_true(i < KINDS);
    Kind *k = &work->kinds[i];
    if (i == work->count) {
        work->count++;
        snprintf(k->name, sizeof k->name, "%s", name);
        k->pass = pass;
    }
    // The first and the last of a net; nets differ more than what stands between.
    const Instance *last = &k->of[k->count - 1];
    bool is_third = k->count > 1 && last->net == of.net && last->precision == of.precision
                    && last[-1].net == of.net && last[-1].precision == of.precision;
    if (is_third || k->count == INSTANCES)
        k->of[k->count - 1] = of;
    else
        k->of[k->count++] = of;
}

static void add_instances_of(Work *work, const CudaCase *c, Instance of)
{
    for (int i = 0; i < c->graph->group_count; i++) {
        Group *g = c->graph->groups[i];
        if (g->pattern == PATTERN_COPY)
            continue;
        Kern kern = { .passes = 1 };
        const char *body;
        for (int pass = 0, passes = 1; pass < passes && pass < 2; pass++) {
            char name[64];
            cuda_text(c->arena, c->graph, g, c->target, NULL, pass, &kern, &body);
            passes = kern.passes > passes ? kern.passes : passes;
            bool by_precision = op_has(g->root->op, OP_CONTRACTION) && !strstr(body, "_any");
            snprintf(name, sizeof name, "%s of %s%s%s", body, op_table[g->root->op]->name,
                     pass ? ", sums" : "", by_precision && of.precision == ELEMENT_FLOAT ? ", fp32"
                     : by_precision && of.precision == ELEMENT_BF16 ? ", bf16" : "");
            of.group = i;
            add_instance(work, name, pass, of);
        }
    }
}

static void find_kinds(Work *work)
{
    for (int i = 0; i < (int)(sizeof nets / sizeof *nets); i++)
        for (int p = 2; p >= 0; p--) {
            SmallNet s = { 0 };
            CudaCase c;
            Instance of = { find_net(nets[i]), (Element)((p + 2) % 3), 0 };
            if (setjmp(s.exhausted))
                fail_msg("out of memory");
            arena_open(&s.arena, 0, &s.exhausted);
            cuda_net_open(&cuda_nets[of.net], of.precision, NULL, &s, &c);
            add_instances_of(work, &c, of);
            arena_close(&s.arena);
        }
}

// --- mutants of one kind ------------------------------------------------------------------------

// Places of maxima that a later group reads.
static void run_pools_before(CudaCase *c, int group)
{
    for (int i = 0; i < group; i++)
        for (int k = 0; k < c->graph->groups[i]->count; k++)
            if (c->graph->groups[i]->nodes[k]->op == OP_MAX_POOL) {
                cuda_case_check(c, c->graph->groups[i]);
                break;
            }
}

static CudaVerdict judge(CudaCase *c, int group)
{
    jmp_buf back;
    c->back = &back;
    c->verdict = CUDA_RIGHT;
    if (!setjmp(back))
        cuda_case_check(c, c->graph->groups[group]);
    c->back = NULL;
    return c->verdict;
}

// An instance that is being judged.
typedef struct { bool is_open; SmallNet net; CudaCase c; const char *text; } Open;

static void open_instance(Open *o, const Kind *k, int i, Nvrtc *nvrtc)
{
    const Instance *of = &k->of[i];
    Kern kern;
    const char *body;
    if (o->is_open)
        return;
    if (setjmp(o->net.exhausted))
        fail_msg("out of memory");
    arena_open(&o->net.arena, 0, &o->net.exhausted);
    cuda_net_open(&cuda_nets[of->net], of->precision, nvrtc, &o->net, &o->c);
    run_pools_before(&o->c, of->group);
    if (judge(&o->c, of->group) != CUDA_RIGHT)
        fail_msg("%s: %s", k->name, o->c.message);
    o->text = cuda_text(o->c.arena, o->c.graph, o->c.graph->groups[of->group], o->c.target, NULL, k->pass,
                        &kern, &body);
    o->is_open = true;
}

// The verdict of the first instance that notices; of the first one where the text is no other.
static CudaVerdict judge_everywhere(Open *o, const Kind *k, const Mutation *m, Nvrtc *nvrtc)
{
    for (int i = 0; i < k->count; i++) {
        Mutation here;
        open_instance(&o[i], k, i, nvrtc);
        if (!mutation_like(o[0].text, m, o[i].text, &here))
            continue;
        CudaCase *c = &o[i].c;
        c->changed[k->pass] = mutation_apply(c->arena, o[i].text, &here);
        CudaVerdict v = judge(c, k->of[i].group);
        if (v == CUDA_REPORTED || v == CUDA_WRONG)
            return v;
        if (i == 0 && v != CUDA_RIGHT)
            return v;
    }
    return CUDA_RIGHT;
}

static void note_survivor(Outcome *o, const Kind *k, const char *text, const Mutation *m)
{
    size_t length = strlen(o->survivors);
    char what[500];
    int size = snprintf(what, sizeof what, "%s: ", k->name);
    mutation_print(text, m, what + size, sizeof what - (size_t)size);
    bool is_equal;
    const char *reason = mutation_reason(what, &is_equal);
    o->equal += is_equal;
    snprintf(o->survivors + length, SURVIVORS - length, "  %s\n      %s%s\n", what, is_equal ? "= " : "",
             reason ? reason : "(nobody knows why)");
}

static void run_kind(Nvrtc *nvrtc, const Kind *k, Outcome *o)
{
    static Mutation list[4096];
    Open open[INSTANCES] = { { .is_open = false } };
    open_instance(&open[0], k, 0, nvrtc);
    int count = mutations_find(open[0].text, list, 4096), others = 0;
    int step = getenv("CLEAVE_TEST_MUTANTS") ? 1 : count / MOST + 1;
    // Another offset for each kind: what kinds have in common is then changed in different places.
    for (int i = 0, skip = (int)strlen(k->name) % step; i < count; i++) {
        bool is_rare = list[i].change <= CHANGE_COMMIT;
        if (!is_rare && others++ % step != skip)
            continue;
        CudaVerdict v = judge_everywhere(open, k, &list[i], nvrtc);
        o->by_verdict[v]++;
        if (v != CUDA_REFUSED && v != CUDA_SAME) {
            o->made++;
            o->by_change[list[i].change]++;
        }
        if (v == CUDA_RIGHT)
            note_survivor(o, k, open[0].text, &list[i]);
    }
    for (int i = 0; i < k->count; i++)
        if (open[i].is_open)
            arena_close(&open[i].net.arena);
}

// --- all of them --------------------------------------------------------------------------------

static void run_all(Work *work, Nvrtc *nvrtc)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = cpus < 1 ? 1 : cpus > 8 ? 8 : (int)cpus, failed = 0;
    fflush(stdout);
    for (int i = 0; i < workers; i++)
        if (fork() == 0) {
            for (int k = atomic_fetch_add(&work->next, 1); k < work->count;
                 k = atomic_fetch_add(&work->next, 1))
                run_kind(nvrtc, &work->kinds[k], &work->of[k]);
            _exit(0);
        }
    for (int i = 0, status; i < workers; i++)
        failed += wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status);
    assert_int_equal(failed, 0);
}

static void print_score(const Work *work)
{
    Outcome all = { 0 };
    for (int k = 0; k < work->count; k++) {
        const Outcome *o = &work->of[k];
        print_message("%s: %d mutants, %d reported, %d with wrong numbers, %d not noticed\n",
                      work->kinds[k].name, o->made, o->by_verdict[CUDA_REPORTED], o->by_verdict[CUDA_WRONG],
                      o->by_verdict[CUDA_RIGHT]);
        all.made += o->made;
        all.equal += o->equal;
        for (int v = 0; v < 5; v++)
            all.by_verdict[v] += o->by_verdict[v];
        for (int m = 0; m < MUTATIONS; m++)
            all.by_change[m] += o->by_change[m];
    }
    print_message("not noticed:\n");
    for (int k = 0; k < work->count; k++)
        print_message("%s", work->of[k].survivors);
    for (int m = 0; m < MUTATIONS; m++)
        print_message("%s%s: %d", m ? ", " : "", mutation_name((Change)m), all.by_change[m]);
    int noticed = all.by_verdict[CUDA_REPORTED] + all.by_verdict[CUDA_WRONG], real = all.made - all.equal;
    print_message("\n%d kinds of kernels, %d mutants: %d reported, %d with wrong numbers, %d not noticed, of "
                  "which %d are as right as the text (=); %d more made the same instructions, %d no kernel\n"
                  "score: %.1f %%\n",
                  work->count, all.made, all.by_verdict[CUDA_REPORTED], all.by_verdict[CUDA_WRONG],
                  all.by_verdict[CUDA_RIGHT], all.equal, all.by_verdict[CUDA_SAME],
                  all.by_verdict[CUDA_REFUSED], 100.0 * noticed / real);
    assert_true(real >= LEAST_MUTANTS && noticed >= 0.95 * real);
}

static void test_mutants(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    if (!cuda_open_nvrtc(&nvrtc))
        skip();
    Work *work = mmap(NULL, sizeof *work, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(work != MAP_FAILED);
    find_kinds(work);
    run_all(work, &nvrtc);
    print_score(work);
    munmap(work, sizeof *work);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_mutants) };
    return cmocka_run_group_tests_name("mutants", tests, NULL, NULL);
}
