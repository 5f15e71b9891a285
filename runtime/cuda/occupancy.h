// How many blocks of a kernel one multiprocessor holds at a time, and what keeps it from holding more.
// Computed without a GPU; equal to NVIDIA's occupancy calculator.
#ifndef RUNTIME_CUDA_OCCUPANCY_H
#define RUNTIME_CUDA_OCCUPANCY_H
#include <stdbool.h>

// What one multiprocessor of an architecture has.
typedef struct {
    const char *arch;                  // "sm_80"
    int warps;                         // of 32 threads
    int blocks;
    int registers;                     // of 32 bits, also the most of one block
    int shared;                        // bytes for all blocks
    int shared_block;                  // bytes one block can have, static and dynamic
    int shared_reserved;               // bytes of each block that are the driver's
    int barriers;                      // for all blocks; 0: never a limit
} GpuLimits;

typedef enum {
    LIMITED_BY_WARPS, LIMITED_BY_BLOCKS, LIMITED_BY_REGISTERS, LIMITED_BY_SHARED, LIMITED_BY_BARRIERS
} OccupancyLimit;

typedef struct {
    int            blocks, warps;      // resident at a time; 0: the kernel cannot run
    double         share;              // of the most warps
    OccupancyLimit limit;              // the first of those that allow no more blocks
} Occupancy;

// What a launch asks for.
typedef struct {
    int threads;                       // of a block
    int registers;                     // of a thread
    int shared;                        // bytes of a block, static and dynamic
    int barriers;
} BlockNeeds;

// sm_80, sm_86, sm_89, sm_90; a letter behind ("sm_90a") changes nothing. NULL: not known.
const GpuLimits *gpu_limits(const char *arch);
Occupancy occupancy_of(const GpuLimits *gpu, const BlockNeeds *needs);
const char *occupancy_limit_name(OccupancyLimit limit);          // "registers"
#endif
