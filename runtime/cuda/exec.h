// What cuda.c opens and run.c runs: a program on GPUs.
#ifndef CUDA_EXEC_H
#define CUDA_EXEC_H
#include "runtime/cuda/modules.h"
#include "runtime/guards.h"

// Where a tensor's elements are, for the kernels of move.c: tables in the memory of its GPU. See Side.
typedef struct { DriverAddress item, channel; int64_t row, column; } CudaSide;

// A logical device: an arena and two streams on a physical GPU, which it may share with others.
typedef struct {
    int            gpu;
    DriverStream   compute, copy;      // its commands, in order; what is on the way to other GPUs
    DriverEvent    start, end;         // of a run that is captured
    DriverAddress  arena_memory, arena;        // the allocation; the arena's first byte
    DriverAddress  extra;              // the allocation of all that follows
    DriverAddress  tables, room, messages;
    int64_t        table_bytes, room_floats, message_bytes;
    DriverFunction gather, scatter;    // move.c's kernels
    DriverAddress  state;              // 0: the device has none
    char          *next_state;         // pinned: what the next run begins with
    StepState     *last_state;         // pinned: what the last run left
} CudaDevice;

// A launch, ready for cuLaunchKernel.
typedef struct {
    DriverFunction function;           // NULL: cuBLAS makes it
    unsigned       grid[3], threads, shared;
    DriverAddress *args;
    void         **params;             // pointers to args
    DriverEvent    begin, end;         // of a profile; NULL: none was asked for
} CudaLaunch;

// A copy: packed on the sender's GPU, brought to the receiver's, unpacked there.
typedef struct {
    int           from, to;            // logical devices
    DriverAddress sent, received;      // messages: dense floats, then `stop`; the same within a GPU
    void         *host;                // pinned, where GPUs do not reach each other; else NULL
    DriverEvent   packed, staged, arrived;
    int           after;               // the sender's command behind which it is packed; -1: before all
} CudaCopy;

typedef struct {
    CudaLaunch     *launches;
    CudaCopy       *copies;
    Guards          guards;
    DriverGraphExec graph;             // of a whole run; NULL: not captured yet
    int64_t         runs;
    LaunchTime     *times;             // the caller's; NULL: no profile
    DriverEvent     last_end;          // of the launch before in this run; NULL: none was timed
} CudaSequence;

typedef struct Products Products;      // products.h

struct Device {
    const Program *program;
    DeviceOptions  options;            // map is not kept
    Gpus           gpus;
    Modules        modules;
    Products      *products;           // NULL: cuBLAS has nothing to do
    CudaDevice     list[PROGRAM_DEVICES];
    bool           reaches[GPUS_MOST][GPUS_MOST];      // by sender's and receiver's GPU
    CudaSide      *sides;              // by tensor
    CudaSequence  *sequences;
    int            entered;            // sequence that ran last; -1: none
    bool           is_stale;           // its launches that refresh have something to do
    bool           is_poisoning, has_failed;
    int64_t        copied;             // bytes
    char           fault[DEVICE_ERROR];        // of a function that cannot return one; "": none
};

DriverAddress cuda_address(const Device *d, int tensor);        // its first byte
int           cuda_home(const Device *d, int tensor);          // its logical device
bool          cuda_select(const Device *d, int device, char *err);       // makes its context current
bool          cuda_sync(const Device *d, int device, char *err);               // waits for both streams

// memory.c. Chooses a GPU for every logical device whose map entry is below 0, checks that all fits, and
// takes all memory. False with `err` filled; closed in any case.
bool cuda_memory_open(Device *d, char *err);
void cuda_memory_close(Device *d);
// Clears what must be zero and writes the guards of a sequence.
bool cuda_memory_enter(Device *d, int sequence, char *err);
bool cuda_guards_check(Device *d, char *err);

// regions.c
void cuda_name_regions(const Device *d);               // for the checks of virtual GPUs

// sequence.c
bool cuda_sequence_open(Device *d, int sequence, char *err);
void cuda_sequence_close(Device *d, int sequence);
// Bytes of messages that a logical device needs for any sequence.
int64_t cuda_message_bytes(const Program *p, int device);

// run.c
bool cuda_run(Device *d, int sequence, char *err);
bool cuda_run_part(Device *d, int sequence, int first, int end, char *err);      // see DeviceClass
// For who goes launch by launch: before the first of a part of the sequence (`anew`: of all of it), then each
// in the order of commands, waited for.
bool cuda_start(Device *d, int sequence, bool anew, char *err);
bool cuda_step(Device *d, int sequence, const Command *c, int launch, char *err);
#endif
