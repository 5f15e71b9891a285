// In: a number of threads. Out: floating-point operations a second with all operands in registers,
// and whether that is a whole number of pipes at the clock measured beside it.
#include "runtime/cpu/peak.h"
#include "base/clock.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROUNDS = 20000, ACCUMULATORS = 12, CHAIN = 8 };

typedef void Burst(void);      // ROUNDS * ACCUMULATORS multiply-adds of a full register

typedef struct { Burst *burst; int lanes; } Unit;

// Twelve accumulators hide a latency of up to six cycles on two pipes.
#define TWELVE(op, r) op r "0\n" op r "1\n" op r "2\n" op r "3\n" op r "4\n" op r "5\n" \
                      op r "6\n" op r "7\n" op r "8\n" op r "9\n" op r "10\n" op r "11\n"

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void burst_avx512(void)
{
    for (int i = 0; i < ROUNDS; i++)
        __asm__ volatile(TWELVE("vfmadd231ps %%zmm12, %%zmm13, ", "%%zmm")
                         : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                         "xmm9", "xmm10", "xmm11");
}

__attribute__((target("avx2,fma"))) static void burst_avx2(void)
{
    for (int i = 0; i < ROUNDS; i++)
        __asm__ volatile(TWELVE("vfmadd231ps %%ymm12, %%ymm13, ", "%%ymm")
                         : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                         "xmm9", "xmm10", "xmm11");
}

// Without fused instructions: six products and six sums count as twelve halves of a multiply-add.
static void burst_sse2(void)
{
    for (int i = 0; i < 2 * ROUNDS; i++)
        __asm__ volatile("mulps %%xmm12, %%xmm0\n addps %%xmm12, %%xmm1\n mulps %%xmm12, %%xmm2\n"
                         "addps %%xmm12, %%xmm3\n mulps %%xmm12, %%xmm4\n addps %%xmm12, %%xmm5\n"
                         "mulps %%xmm12, %%xmm6\n addps %%xmm12, %%xmm7\n mulps %%xmm12, %%xmm8\n"
                         "addps %%xmm12, %%xmm9\n mulps %%xmm12, %%xmm10\n addps %%xmm12, %%xmm11\n"
                         : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                         "xmm9", "xmm10", "xmm11");
}

static Unit widest_unit(void)
{
    if (__builtin_cpu_supports("avx512f"))
        return (Unit){ burst_avx512, 16 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (Unit){ burst_avx2, 8 };
    return (Unit){ burst_sse2, 4 };
}

enum { MULTIPLY_CYCLES = 3 };
static void chain_step(unsigned long *x)
{
    __asm__ volatile("imul %0, %0\nimul %0, %0\nimul %0, %0\nimul %0, %0\n"
                     "imul %0, %0\nimul %0, %0\nimul %0, %0\nimul %0, %0\n" : "+r"(*x));
}
#else
static void burst_neon(void)
{
    for (int i = 0; i < ROUNDS; i++)
        __asm__ volatile("fmla v0.4s, v12.4s, v13.4s\nfmla v1.4s, v12.4s, v13.4s\n"
                         "fmla v2.4s, v12.4s, v13.4s\nfmla v3.4s, v12.4s, v13.4s\n"
                         "fmla v4.4s, v12.4s, v13.4s\nfmla v5.4s, v12.4s, v13.4s\n"
                         "fmla v6.4s, v12.4s, v13.4s\nfmla v7.4s, v12.4s, v13.4s\n"
                         "fmla v8.4s, v12.4s, v13.4s\nfmla v9.4s, v12.4s, v13.4s\n"
                         "fmla v10.4s, v12.4s, v13.4s\nfmla v11.4s, v12.4s, v13.4s\n"
                         : : : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11");
}

static Unit widest_unit(void) { return (Unit){ burst_neon, 4 }; }

enum { MULTIPLY_CYCLES = 1 };          // here a chain of additions
static void chain_step(unsigned long *x)
{
    __asm__ volatile("add %0, %0, %0\nadd %0, %0, %0\nadd %0, %0, %0\nadd %0, %0, %0\n"
                     "add %0, %0, %0\nadd %0, %0, %0\nadd %0, %0, %0\nadd %0, %0, %0\n" : "+r"(*x));
}
#endif

static double clock_once(void)
{
    unsigned long x = 1;
    double start = clock_seconds();
    for (int i = 0; i < ROUNDS; i++)
        chain_step(&x);
    return (double)ROUNDS * CHAIN * MULTIPLY_CYCLES / (clock_seconds() - start);
}

typedef struct { Unit unit; double until, flops; } Worker;

// The best of many short bursts: a busy neighbour spoils some of them, not all.
static void *work(void *p)
{
    Worker *w = p;
    double begin = clock_seconds();
    while (begin < w->until) {
        w->unit.burst();
        double end = clock_seconds();
        double flops = 2.0 * ROUNDS * ACCUMULATORS * w->unit.lanes / (end - begin);
        if (flops > w->flops)
            w->flops = flops;
        begin = clock_seconds();
    }
    return NULL;
}

static double best_clock(double seconds)
{
    double best = 0, until = clock_seconds() + seconds;
    while (clock_seconds() < until) {
        double c = clock_once();
        best = c > best ? c : best;
    }
    return best;
}

bool cpu_peak(int threads, double seconds, CpuPeak *peak)
{
    Unit unit = widest_unit();
    Worker *workers = calloc((size_t)threads, sizeof *workers);
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    *peak = (CpuPeak){ .lanes = unit.lanes };
    if (!workers || !ids) {
        free(workers);
        free(ids);
        return false;
    }
    peak->clock = best_clock(seconds / 4);
    double until = clock_seconds() + seconds * 3 / 4;
    int started = 0;
    for (; started < threads; started++) {
        workers[started] = (Worker){ .unit = unit, .until = until };
        if (pthread_create(&ids[started], NULL, work, &workers[started]))
            break;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(ids[i], NULL);
        peak->flops += workers[i].flops;
    }
    free(workers);
    free(ids);
    peak->pipes = peak->flops / (peak->clock * unit.lanes * 2 * threads);
    peak->agrees = peak->pipes > 0.5 && fabs(peak->pipes - round(peak->pipes)) < 0.06 * peak->pipes;
    return started == threads;
}
