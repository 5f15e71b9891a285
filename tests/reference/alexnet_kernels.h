// The contractions of one half of AlexNet (a part of two, as the paper places it), each as a kernel
// by itself: what benchmarks time and what the spill test compiles.
#ifndef REFERENCE_ALEXNET_KERNELS_H
#define REFERENCE_ALEXNET_KERNELS_H
#include "reference/kernel_case.h"

enum { ALEXNET_KERNELS = 40 };

typedef struct {
    const char *layer, *what;      // "conv2", "forward"
    KernelCase *kernel;
    double      flops;             // of all items
} AlexnetKernel;

// Adds them to the unit; returns how many, -1 with u->err filled on failure.
int alexnet_kernels(KernelUnitCase *u, int batch, AlexnetKernel all[ALEXNET_KERNELS]);
#endif
