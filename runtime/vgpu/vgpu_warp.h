// What runs: a launch, the blocks that a worker runs one after the other, and the warps of a block.
#ifndef RUNTIME_VGPU_WARP_H
#define RUNTIME_VGPU_WARP_H
#include "runtime/vgpu/vgpu_cells.h"
#include "runtime/vgpu/vgpu_code.h"
#include <pthread.h>
#include <stdatomic.h>

enum { UNKNOWN_BYTE = 0xcb };          // what there is no value for is made of these
enum { WINDOWS = 64 };

typedef struct {
    const VgpuModule *module;
    const Kernel     *kernel;
    const VgpuLaunch *how;
    uint8_t          *params;
    unsigned          shared_bytes;    // static and dynamic
    int64_t           blocks;
    _Atomic bool      stopped;         // something was found that ends the launch
    pthread_mutex_t   atomic_lock, report_lock;
    VgpuReports      *reports;
    uint32_t          first_epoch;
    uint64_t          global_first, global_limit;      // where all of global memory is, when unchecked
    int64_t           found;           // times that something was reported
    _Atomic uint64_t  steps;
    struct Nature    *natures;         // by instruction (vgpu_count.h); NULL: nothing is counted
} Launch;

// A part of memory that a launch may touch all of, and what is known of it.
typedef struct {
    uint64_t   first, size;            // 0: none
    uint64_t   base;                   // what `unknown` begins with
    bool      *unknown;                // of each byte: it has no value; NULL: all have
    CellPage  *pages;                  // [0]: the one that `base` is in
    // Epochs of operations that the launch follows, as they were met last: in writes, in reads.
    uint32_t   done_first[2], done_count[2];
} Window;

typedef struct {                       // lanes that stand at the same instruction
    int      pc;
    uint32_t lanes;
    bool     waits;                    // for other lanes of its warp, or for the block
} Split;

// A cp.async under way: the bytes arrive when it is waited for.
typedef struct {
    uint32_t       lanes;              // for which it is still under way
    uint8_t       *to[LANES];          // in shared memory
    const uint8_t *from[LANES];
    uint8_t        bytes, read[LANES]; // `read` of them come from memory, the others are 0
    uint32_t       group[LANES];
    const Insn    *insn;
} Copy;

typedef struct Block Block;

struct Warp {
    uint8_t  *r;                       // the register file
    uint32_t *p;                       // predicates: a bit a lane; [ALWAYS] is all ones
    Block    *block;
    uint8_t  *local;                   // local_bytes for each lane
    uint32_t  live;                    // lanes that have not ended
    uint32_t  at_barrier;              // lanes that have arrived
    int       index;                   // in its block
    bool      blocked;                 // nothing can run before the barrier opens
    Split     splits[LANES + 1];
    int       split_count;
    int64_t   steps;                   // instructions taken in this block
    Copy     *copies;
    int       copy_count, copy_capacity;
    uint16_t  syncs;                   // bar.warp.sync so far
    bool      has_partial;             // ... one of them of some lanes only: then these count
    uint16_t  met_all;                 // the last one of all lanes, counted from 1
    uint16_t  met[LANES][LANES];       // for each lane: the last one that another's accesses are before
    uint32_t  committed[LANES];        // groups of cp.async
};

struct Block {
    Launch   *launch;
    unsigned  id[3];
    uint8_t  *shared;
    uint8_t  *shared_state;            // a ByteState each; NULL when unchecked
    CellGroup *cells;                  // of shared memory, one each shared_grain bytes; NULL when unchecked
    size_t    cell_count;
    Window    windows[WINDOWS];        // of global memory: where instruction i % WINDOWS was last
    uint32_t  epoch, first_epoch;      // steps at every barrier; where it was when the block began
    uint8_t   nowhere[32];             // what accesses that are not allowed go to
    Warp     *warps;
    int       warp_count, threads;
    uint64_t  random;
    VgpuCount *counts;                 // of the kernel's instructions; NULL: nothing is counted
};

// Runs a warp until it ends, waits for the barrier, or has taken `budget` instructions.
void vgpu_run_warp(Warp *w, int64_t budget);
// Runs one block of the launch from beginning to end.
void vgpu_run_block(Block *b, int64_t number);
#endif
