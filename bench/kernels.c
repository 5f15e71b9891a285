// Times every contraction of half an AlexNet on one thread and prints its share of the machine's
// multiply-add peak, measured before: kernels [TARGET [BATCH]]. Best of several runs: what the
// kernel can do, not what a busy machine leaves of it.
#include "base/clock.h"
#include "reference/alexnet_kernels.h"
#include "runtime/cpu/peak.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Seconds for all items, from the best time of each.
static double best_time(KernelUnitCase *u, KernelCase *k, double seconds)
{
    double *best = calloc((size_t)k->kern.items, sizeof *best), sum = 0;
    double until = clock_seconds() + seconds;
    int round = 0;
    do {
        for (long i = 0; i < k->kern.items; i++) {
            double start = clock_seconds();
            case_run_item(u, k, i, NULL);
            double t = clock_seconds() - start;
            best[i] = !round || t < best[i] ? t : best[i];
        }
        round++;
    } while (round < 3 || clock_seconds() < until);
    for (long i = 0; i < k->kern.items; i++)
        sum += best[i];
    free(best);
    return sum;
}

static void time_kernel(KernelUnitCase *u, AlexnetKernel *a, double peak)
{
    for (int i = 0; i < a->kernel->count; i++)
        if (op_has(a->kernel->nodes[i].op, OP_SOURCE))
            case_fill(u, a->kernel, &a->kernel->nodes[i], (unsigned)i);
    double t = best_time(u, a->kernel, 0.3);
    printf("%-6s %-18s %9.3f ms %7.1f GFLOP/s %5.1f %%   %s\n", a->layer, a->what, t * 1e3,
           a->flops / t * 1e-9, 100 * a->flops / t / peak, a->kernel->kern.reason);
}

int main(int argc, char **argv)
{
    Arena arena;
    jmp_buf exhausted;
    if (setjmp(exhausted)) {
        fprintf(stderr, "kernels: out of memory\n");
        return 1;
    }
    arena_open(&arena, 0, &exhausted);
    const Target *target = argc > 1 ? target_find(argv[1]) : target_native();
    int batch = argc > 2 ? atoi(argv[2]) : 32;
    if (!target || batch < 1) {
        fprintf(stderr, "usage: kernels [avx512|avx2|sse2|neon [BATCH]]\n");
        return 2;
    }
    static AlexnetKernel all[ALEXNET_KERNELS];
    static struct { StepState state; ParamRates rates; } state = { .rates = { 1e-4f, 0.9f, 5e-4f, 0 } };
    KernelUnitCase *u = ARENA_NEW(&arena, KernelUnitCase);
    unit_open(u, &arena, target);
    u->state = &state;
    int count = alexnet_kernels(u, batch, all);
    double start = clock_seconds();
    if (count < 0 || !unit_compile(u, argc > 3 ? argv[3] : NULL)) {
        fprintf(stderr, "kernels: %s\n", u->err);
        return 1;
    }
    printf("%s, batch %d: %d kernels compiled in %.2f s\n", target->name, batch, count,
           clock_seconds() - start);
    CpuPeak peak;
    if (!cpu_peak(1, 0.5, &peak))
        return 1;
    printf("peak %.1f GFLOP/s = %.2f GHz x %d lanes x 2 x %.2f pipes%s\n", peak.flops * 1e-9,
           peak.clock * 1e-9, peak.lanes, peak.pipes, peak.agrees ? "" : "  (they disagree)");
    for (int i = 0; i < count; i++)
        time_kernel(u, &all[i], peak.flops);
    unit_close(u);
    arena_close(&arena);
    return 0;
}
