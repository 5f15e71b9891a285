// The most multiply-adds this machine can do: what shares of peak are shares of.
#ifndef RUNTIME_CPU_PEAK_H
#define RUNTIME_CPU_PEAK_H
#include <stdbool.h>

typedef struct {
    double flops;              // a second, all threads together; a multiply-add counts as two
    double clock;              // Hz, from a chain of dependent multiplications on one thread
    int    lanes;              // floats a register of the widest instruction set found
    double pipes;              // multiply-adds a cycle and thread: flops / (clock * lanes * 2 * threads)
    bool   agrees;             // pipes is near a whole number: peak and clock confirm each other
} CpuPeak;

// Measures for about `seconds`, on an idle machine; everything stays in registers. False when
// threads cannot be started.
bool cpu_peak(int threads, double seconds, CpuPeak *peak);
#endif
