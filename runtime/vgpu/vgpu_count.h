// Counts what a launch does. Nothing of it runs when nothing is to be counted.
#ifndef RUNTIME_VGPU_COUNT_H
#define RUNTIME_VGPU_COUNT_H
#include "runtime/vgpu/vgpu_warp.h"

// What an instruction does to memory.
typedef enum { MOVES_NOTHING, MOVES_IN, MOVES_OUT, MOVES_BOTH, MOVES_COPY, MOVES_MATRICES } Moves;

// What is known of an instruction before it runs.
typedef struct Nature {
    VgpuClass class;
    Moves     moves;
    unsigned  lane_flops, warp_flops;
} Nature;

// Finds the natures of the kernel's instructions, when the launch is to be counted. False: no memory.
bool vgpu_count_begin(Launch *launch);
// An instruction is about to be done for the lanes of `mask`, perhaps none: its operands are still there.
void vgpu_count(Warp *w, const Insn *i, uint32_t mask);
// Adds what a worker has counted to the launch's counters.
void vgpu_count_merge(const Launch *launch, const Block *b);
#endif
