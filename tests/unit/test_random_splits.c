// Random nets with random splits over 2, 3 and 4 devices. On the CPU every map, and the same parts on one
// device, give the same losses, gradients, velocities and weights, bit by bit, over 5 steps; so do one
// virtual GPU and several in three orders of their streams, which report nothing and have the CPU's losses.
//
//     test_random_splits --seed N         one net: its text, what is in it, and its runs
//     test_random_splits --nets N         the first N; --gpu-nets M: of them M on virtual GPUs
#include "look/comm.h"
#include "reference/gpu_run.h"
#include "reference/net_run.h"
#include "reference/random_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Virtual GPUs are slow in a sanitizer; those that are not run here ./check runs in the release build.
#ifdef __SANITIZE_ADDRESS__
enum { GPU_NETS = 2 };
#else
enum { GPU_NETS = 8 };
#endif
enum { NETS = 25, PARTS_EVERY = 3 };

static int  first_seed = 1, nets = NETS, gpu_nets = GPU_NETS;
static bool one;

// --- files ---------------------------------------------------------------------------------------

typedef struct { char path[2][64]; } Files;       // by RandomForm

static void write_form(Files *f, int seed, RandomForm form)
{
    char *text = random_net_text((uint64_t)seed, form);
    assert_non_null(text);
    snprintf(f->path[form], sizeof f->path[form], "/tmp/random-net-%d-%d%s.net", (int)getpid(), seed,
             form == RANDOM_IN_PARTS ? "-parts" : "");
    FILE *file = fopen(f->path[form], "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    if (one && form == RANDOM_ON_DEVICES)
        fputs(text, stdout);
    free(text);
}

static Files write_files(int seed)
{
    Files f;
    write_form(&f, seed, RANDOM_ON_DEVICES);
    write_form(&f, seed, RANDOM_IN_PARTS);
    return f;
}

static void remove_files(const Files *f)
{
    for (int i = 0; i < 2; i++)
        unlink(f->path[i]);
}

// The file stays.
static void fail_net(const Files *f, int seed, const char *way, const char *what)
{
    char *text = random_net_text((uint64_t)seed, RANDOM_ON_DEVICES);
    fputs(text, stderr);                             // cmocka would cut it
    free(text);
    fail_msg("net %d, %s: %s\nkept as %s, in parts %s; again: test_random_splits --seed %d", seed, way, what,
             f->path[0], f->path[1], seed);
}

static void compile(Compilation *c, const Files *f, int seed, RandomForm form, const char *stop_after)
{
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN, .stop_after = stop_after };
    if (compile_file(c, &o, f->path[form]))
        return;
    diag_print(&c->diag, stderr, false);
    fail_net(f, seed, "compiled", c->err);
}

// --- what they are ---------------------------------------------------------------------------------

typedef struct {
    int devices[5], exchanges, skip, lrn, concat, uneven, nested, replicate, on, grouped, asked_for;
} Counts;

static void count_net(Counts *n, int seed)
{
    Files files = write_files(seed);
    Compilation logical, placed;
    compile(&logical, &files, seed, RANDOM_ON_DEVICES, "shapes");
    compile(&placed, &files, seed, RANDOM_ON_DEVICES, "simplify");
    RandomFeatures f = random_net_features(&logical, &placed);
    assert_in_range(f.devices, 2, 4);
    n->devices[f.devices]++;
    n->exchanges += f.exchanges >= 2;
    n->skip += f.skip;
    n->lrn += f.lrn;
    n->concat += f.concat;
    n->uneven += f.uneven;
    n->nested += f.nested;
    n->replicate += f.replicate;
    n->on += f.on;
    n->grouped += f.grouped;
    n->asked_for += f.exchanges >= 2 && (f.skip || f.lrn || f.concat || f.uneven);
    compile_close(&placed);
    compile_close(&logical);
    remove_files(&files);
}

static void print_counts(const Counts *n)
{
    print_message("devices 2, 3, 4: %d %d %d; two exchanges %d, skips across all %d, lrn %d, concat %d, "
                  "uneven %d, nested %d, replicate %d, on %d, grouped %d; of those asked for %d of %d\n",
                  n->devices[2], n->devices[3], n->devices[4], n->exchanges, n->skip, n->lrn, n->concat,
                  n->uneven, n->nested, n->replicate, n->on, n->grouped, n->asked_for, nets);
}

static void the_nets_have_what_is_to_be_tested(void **state)
{
    (void)state;
    Counts n = { .asked_for = 0 };
    for (int i = 0; i < nets; i++)
        count_net(&n, first_seed + i);
    print_counts(&n);
    const int some[] = { n.devices[2], n.devices[3], n.devices[4], n.skip, n.lrn, n.concat, n.uneven,
                         n.nested, n.replicate, n.on, n.grouped };
    for (size_t i = 0; i < sizeof some / sizeof *some && nets >= NETS; i++)
        if (some[i] * 8 < nets)
            fail_msg("of %d nets only %d have the feature that is number %d", nets, some[i], (int)i);
    if (nets >= NETS)
        assert_true(2 * n.asked_for >= nets);
}

// --- on the CPU ------------------------------------------------------------------------------------

enum { MAP_TEXT = 64 };

// Device i on group groups[i].
static void write_map(char to[MAP_TEXT], const Program *p, const int groups[4])
{
    int length = 0;
    for (int i = 0; i < p->device_count; i++)
        length += snprintf(to + length, (size_t)(MAP_TEXT - length), "%s%s=cpu:%d", i ? "," : "",
                           p->devices[i].name, groups[i]);
}

static void run_way(const Compilation *c, const Files *f, int seed, const NetWay *way, const NetRun *like,
                    bool same_program, NetRun *to)
{
    char err[SESSION_ERROR], words[128];
    snprintf(words, sizeof words, "map '%s', %d threads%s", way->map, way->threads,
             same_program ? "" : ", in parts on one device");
    if (!net_run(c, way, RANDOM_NET_CLASSES, to, err) || (like && !net_run_same(like, to, same_program, err)))
        fail_net(f, seed, words, err);
    if (one)
        print_message("%s: loss %g to %g, %d values, %lld bytes copied\n", words, to->loss[0],
                      to->loss[NET_RUN_STEPS - 1], to->count, (long long)to->copied);
}

static void check_maps(const Compilation *c, const Files *f, int seed, const NetRun *first)
{
    static const struct { int groups[4], threads; } ways[] = {
        { { 0, 0, 0, 0 }, 3 }, { { 0, 1, 2, 3 }, 4 }, { { 3, 2, 1, 0 }, 8 }, { { 0, 1, 0, 1 }, 3 },
        { { 1, 0, 0, 2 }, 5 },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char map[MAP_TEXT];
        NetRun run;
        int groups[4], last = 0;
        for (int k = 0; k < c->program->device_count; k++) {
            groups[k] = ways[i].groups[k] % c->program->device_count;
            last = groups[k] > last ? groups[k] : last;
        }
        write_map(map, c->program, groups);
        NetWay way = { map, ways[i].threads > last ? ways[i].threads : last + 1, true };
        run_way(c, f, seed, &way, first, true, &run);
        assert_int_equal(run.copied, first->copied);
        net_run_close(&run);
    }
}

// In parts on one device it is another program of the same function.
static void check_parts(const Files *f, int seed, const NetRun *first)
{
    Compilation c;
    NetRun run;
    const NetWay way = { "", 2, true };
    compile(&c, f, seed, RANDOM_IN_PARTS, NULL);
    run_way(&c, f, seed, &way, first, false, &run);
    assert_int_equal(run.copied, 0);
    net_run_close(&run);
    compile_close(&c);
}

static void check_cpu(int seed)
{
    Files f = write_files(seed);
    Compilation c;
    NetRun first;
    const NetWay alone = { "", 1, false };
    char err[SESSION_ERROR];
    compile(&c, &f, seed, RANDOM_ON_DEVICES, NULL);
    run_way(&c, &f, seed, &alone, NULL, true, &first);
    int64_t planned = NET_RUN_STEPS * look_comm(&c, &(About){ .kind = ABOUT_ALL }).step;
    if (first.copied != planned) {
        snprintf(err, sizeof err, "%lld bytes were copied, %lld planned", (long long)first.copied,
                 (long long)planned);
        fail_net(&f, seed, "one thread", err);
    }
    check_maps(&c, &f, seed, &first);
    if (one || seed % PARTS_EVERY == 0)
        check_parts(&f, seed, &first);
    net_run_close(&first);
    compile_close(&c);
    remove_files(&f);
}

static void maps_change_no_bit(void **state)
{
    (void)state;
    for (int i = 0; i < nets; i++)
        check_cpu(first_seed + i);
}

// --- on virtual GPUs -------------------------------------------------------------------------------

static void run_gpus(const Files *f, int seed, const GpuRun *way, const GpuResult *cpu, GpuResult *to)
{
    char words[128], what[256] = "";
    bool is_fp32 = way->target && strstr(way->target, ":fp32");
    gpu_run(way, to);
    snprintf(words, sizeof words, "%d virtual GPUs, %s, order %d", way->devices,
             way->target ? way->target : "the CPU", way->seed);
    if (to->end != GPU_RUN_DONE || gpu_run_reports(to)) {
        fputs(to->said, stderr);
        snprintf(what, sizeof what, "%s after %d steps, %d reports: %.150s", to->end == GPU_RUN_CRASHED
                 ? "crashed" : "ended", to->steps, gpu_run_reports(to), to->err);
        fail_net(f, seed, words, what);
    }
    for (int i = 0; i < NET_RUN_STEPS && cpu; i++)
        if (!(fabs(to->loss[i] - cpu->loss[i]) <= (is_fp32 ? 1e-4 : 2e-2) * fmax(cpu->loss[i], 1))) {
            snprintf(what, sizeof what, "the loss of step %d is %.9g, the CPU's %.9g", i, to->loss[i],
                     cpu->loss[i]);
            fail_net(f, seed, words, what);
        }
    if (one)
        print_message("%s: loss %g to %g\n", words, to->loss[0], to->loss[NET_RUN_STEPS - 1]);
}

static void check_gpus(int seed)
{
    const GpuRun ways[] = {
        { .devices = 1 }, { .devices = 4, .seed = 1 }, { .devices = 4, .seed = 2, .options.no_graphs = true },
        { .devices = 4, .seed = 3, .options.no_peers = true },
    };
    Files f = write_files(seed);
    GpuResult cpu, first, r;
    run_gpus(&f, seed, &(GpuRun){ .path = f.path[0], .steps = NET_RUN_STEPS }, NULL, &cpu);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        GpuRun way = ways[i];
        way.path = f.path[RANDOM_ON_DEVICES];
        way.target = seed % 2 ? "sm_80" : "sm_80:fp32";
        way.check = way.each = true;
        way.steps = NET_RUN_STEPS;
        run_gpus(&f, seed, &way, &cpu, i ? &r : &first);
        if (i && (r.bits != first.bits || memcmp(r.loss, first.loss, sizeof r.loss) != 0))
            fail_net(&f, seed, i == 1 ? "several virtual GPUs" : "another order", "other bits");
        assert_int_equal((i ? &r : &first)->copied, cpu.copied);
    }
    remove_files(&f);
}

static void virtual_gpus_in_any_order(void **state)
{
    (void)state;
    if (gpu_nets == 0 || !gpu_run_possible())
        skip();
    for (int i = 0; i < nets && i < gpu_nets; i++)
        check_gpus(first_seed + i);
}

static bool read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        char *end = NULL;
        int number = i + 1 < argc ? (int)strtol(argv[i + 1], &end, 10) : 0;
        if (!end || *end || number < 0)
            return false;
        if (!strcmp(argv[i], "--seed")) {
            first_seed = number;
            nets = gpu_nets = 1;
            one = true;
        } else if (!strcmp(argv[i], "--nets"))
            nets = number;
        else if (!strcmp(argv[i], "--gpu-nets"))
            gpu_nets = number;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nets_have_what_is_to_be_tested),
        cmocka_unit_test(maps_change_no_bit),
        cmocka_unit_test(virtual_gpus_in_any_order),
    };
    if (read_options(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    fprintf(stderr, "usage: %s [--seed N | --nets N] [--gpu-nets M]\n", argv[0]);
    return 2;
}
