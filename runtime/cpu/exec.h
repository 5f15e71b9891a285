// What cpu.c opens and exec.c runs: the CPU device.
#ifndef RUNTIME_CPU_EXEC_H
#define RUNTIME_CPU_EXEC_H
#include "runtime/cpu/arena.h"
#include "runtime/cpu/compile.h"
#include "runtime/pool.h"
#include "runtime/cpu/transfer.h"
#include <pthread.h>
#include <stdatomic.h>

// A launch, ready to be called.
typedef struct { CpuKernel *kernel; void **t; int64_t items; } Call;

// A sequence, ready to be run.
typedef struct {
    Call         *calls;               // by launch
    Transfer     *transfers;           // by copy
    Guards        guards;
    atomic_llong *done;                // by command: the number of the run that has done it
    LaunchTime   *times;               // the caller's; NULL: no profile
    double       *seconds;             // by worker of all groups, then launch: of this run
    CommandTime  *watched;             // the caller's; NULL: nobody watches
} CpuSequence;

struct Device {
    const Program *program;
    int            group_count;
    int            group_of[PROGRAM_DEVICES];       // by logical device
    Pool          *groups[PROGRAM_DEVICES];
    int            first_worker[PROGRAM_DEVICES];   // of a group among the workers of all
    int            workers;                         // of all groups
    Pool          *drivers;                         // one thread a group runs its commands
    CpuUnit       *units;
    CpuArena       arenas[PROGRAM_DEVICES];
    StepState     *states[PROGRAM_DEVICES];         // NULL: that device has none
    CpuSequence   *sequences;
    Transfer      *to_host, *from_host;             // by tensor, opened when first used
    bool           is_poisoning;
    int            entered;                         // sequence that ran last; -1: none
    int            running;                         // sequence under way
    int            part_first, part_end;            // of its commands
    int64_t        run;                             // number of the current run
    double         began;                           // when: seconds of the monotonic clock
    atomic_llong   copied;                          // bytes
    pthread_mutex_t mutex;                          // for groups that sleep until others get on
    pthread_cond_t  advanced;
    atomic_int      asleep;
};

char *cpu_tensor(const Device *d, int tensor);      // its first byte
void  cpu_enter(Device *d, int sequence);           // as DeviceClass.enter
// For who runs a sequence launch by launch: before the first, then each in the order of commands.
void  cpu_start(Device *d, int sequence);
void  cpu_step(Device *d, const Command *c, int launch);
bool  cpu_run(Device *d, int sequence, char err[DEVICE_ERROR]);
bool  cpu_run_part(Device *d, int sequence, int first, int end, char err[DEVICE_ERROR]);
#endif
