// Prints the multiply-add peak of this machine: peak [THREADS]. Exit status 1 when the peak is not
// a whole number of pipes at the measured clock (a busy machine, or a wrong measurement).
#include "runtime/cpu/peak.h"
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    CpuPeak p;
    int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (threads < 1 || !cpu_peak(threads, 1.0, &p)) {
        fprintf(stderr, "peak: cannot run %d threads\n", threads);
        return 1;
    }
    printf("%.1f GFLOP/s on %d threads = %.2f GHz x %d lanes x 2 x %.2f pipes%s\n", p.flops * 1e-9,
           threads, p.clock * 1e-9, p.lanes, p.pipes, p.agrees ? "" : "  (they disagree)");
    return p.agrees ? 0 : 1;
}
