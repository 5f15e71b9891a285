// The virtual GPU: PTX, as NVRTC writes it for sm_80, run on the CPU one warp instruction at a time,
// and watched while it runs. Device memory is host memory: pointers pass through as they are.
#ifndef RUNTIME_VGPU_H
#define RUNTIME_VGPU_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { VGPU_ERROR = 1024 };

typedef struct VgpuModule VgpuModule;

// Reads PTX. NULL, with the line of the text and the cause in `err`, when it is not understood: an
// instruction that is not in insn/*.def is refused by name. Many threads may launch from one module.
VgpuModule *vgpu_module_load(const char *ptx, char err[VGPU_ERROR]);
void        vgpu_module_close(VgpuModule *m);            // NULL is allowed

// What a kernel asks of a launch.
typedef struct {
    int             params;
    const unsigned *param_sizes;       // bytes each
    unsigned        shared_bytes;      // static shared memory
    unsigned        max_threads;       // of a block: .maxntid, or 1024
    int             instructions;      // as laid out here
} VgpuKernelInfo;

bool vgpu_kernel_info(const VgpuModule *m, const char *symbol, VgpuKernelInfo *info);

// The allocations of a device, so that accesses beside them can be told. Each is known by its name in
// reports; tensors within one arena may be added one by one. Not from several threads at a time.
typedef struct VgpuMemory VgpuMemory;

VgpuMemory *vgpu_memory_open(void);                      // NULL: no memory
void        vgpu_memory_close(VgpuMemory *m);            // NULL is allowed
bool        vgpu_memory_add(VgpuMemory *m, const void *at, size_t bytes, const char *name);
void        vgpu_memory_remove(VgpuMemory *m, const void *at);
// Names a part of an allocation, which may overlap others. A checked launch may touch those parts that its
// parameters point to (to the beginning; or else into), and of that allocation nothing else.
bool        vgpu_memory_region(VgpuMemory *m, const void *at, size_t bytes, const char *name);
// Of bytes within one allocation: there is no value in them yet; now there is one. A kernel that reads
// what has none is reported. Where nothing was said there are values. False: no memory.
bool        vgpu_memory_forget(VgpuMemory *m, const void *at, size_t bytes);
void        vgpu_memory_know(VgpuMemory *m, const void *at, size_t bytes);

// Memory of several owners, devices say: owner 0 has what is added. Only what is shown may be touched.
// Without checks all that lies between the first and the last of it may, but that of the last owner.
enum { VGPU_LAST_OWNER = 31 };
void        vgpu_memory_own(VgpuMemory *m, const void *at, int owner);
void        vgpu_memory_show(VgpuMemory *m, unsigned owners);             // a bit for each

// Operations of several queues that share a memory and need not run one after the other, in whatever
// order they are run here. A clock says what is done when something begins: of each queue how many.
enum { VGPU_QUEUES = 64 };
typedef struct { uint32_t done[VGPU_QUEUES]; } VgpuClock;

// From here on accesses are those of operation number clock->done[queue] of a queue, called `name`, which
// begins when all others in `clock` have ended. Without this, launches run one after the other.
bool        vgpu_memory_begin(VgpuMemory *m, int queue, const VgpuClock *clock, const char *name);
// The operation is not a kernel but, say, a copy: it reads or writes bytes, which are within one allocation,
// and have values when written. What was found is added to `r`. False: beside every allocation.
typedef struct VgpuReports VgpuReports;
bool        vgpu_memory_touch(VgpuMemory *m, const void *at, size_t bytes, bool write, VgpuReports *r);
// It needs the values of these: false, and reported, when there are none.
bool        vgpu_memory_need(VgpuMemory *m, const void *at, size_t bytes, VgpuReports *r);
// What was copied has values where the source has them.
void        vgpu_memory_copied(VgpuMemory *m, const void *to, const void *from, size_t bytes);
// Whatever begins from here on has `known` in its clock: what is in it need not be remembered.
void        vgpu_memory_settle(VgpuMemory *m, const VgpuClock *known);
void        vgpu_memory_unload(VgpuMemory *m, const VgpuModule *module);  // before it is closed

typedef enum {
    VGPU_OUT_OF_BOUNDS,                // beside every allocation, shared array or local array
    VGPU_MISALIGNED,                   // an address that is no multiple of the access
    VGPU_UNINITIALISED,                // memory is read before it is written
    VGPU_NOT_WAITED,                   // ... before the cp.async that writes it was waited for
    VGPU_RACE,                         // two accesses, one of them a write, that no barrier orders
    VGPU_STREAM_RACE,                  // ... of different operations, that no wait orders
    VGPU_DIVERGENT_BARRIER,            // some threads of a warp are elsewhere
    VGPU_DEADLOCK,                     // threads wait for threads that never come
    VGPU_BAD_LANE,                     // a shuffle or vote of a lane that is not in the mask or has ended
    VGPU_NOT_ROUNDED,                  // an operand of a tf32 product has bits that the hardware drops
    VGPU_TRAP,                         // the kernel itself gave up
    VGPU_TOO_LONG                      // more than max_steps instructions in one warp
} VgpuFault;

const char *vgpu_fault_name(VgpuFault f);                // "out-of-bounds"

typedef struct {
    VgpuFault   fault;
    const char *kernel, *file;         // names that live as long as the module; file "": no .loc
    bool        is_kernel;             // false: a copy or its like; it has no block, thread, PTX
    int         line;
    const char *inlined_file;          // where the call of an inlined function stands; NULL: none
    int         inlined_line;
    unsigned    block[3], thread[3];   // the first thread that did it
    int64_t     times;                 // how many threads did the same at the same place
    char        message[200];          // what was done, and to what
    char        ptx[100];              // the instruction
    const void *where;                 // tells reports of different instructions apart
} VgpuReport;

struct VgpuReports { VgpuReport *list; int count, capacity; };           // begins as { 0 }

void vgpu_reports_close(VgpuReports *r);
void vgpu_report_add(VgpuReports *r, const VgpuReport *report);          // joins those of the same place
// One line, beginning with "vgpu: " and the fault's name, without the end of line.
void vgpu_report_format(const VgpuReport *r, char to[VGPU_ERROR]);

// --- counters: what launches did, instruction by instruction -----------------------------------------

typedef enum {
    VGPU_TENSOR,                       // products of matrices
    VGPU_FLOAT, VGPU_SPECIAL,          // special: division, roots, exponentials
    VGPU_INTEGER,                      // and bits
    VGPU_CONVERT,
    VGPU_COMPARE,                      // and select
    VGPU_MOVE,
    VGPU_LANES,                        // shuffles, votes
    VGPU_GLOBAL, VGPU_SHARED, VGPU_LOCAL,      // loads and stores; those of generic addresses are global
    VGPU_CONSTANT,                     // constants and parameters
    VGPU_ATOMIC,
    VGPU_COPY,                         // cp.async
    VGPU_CONTROL,                      // branches, barriers, fences
    VGPU_CLASSES
} VgpuClass;

const char *vgpu_class_name(VgpuClass c);                // "tensor"

// Of one memory. Transfers: 32-byte sectors of global and local memory; wavefronts of shared memory, which
// moves at most 128 bytes, 4 of each bank, at a time. Ideal: the fewest that could hold the same bytes.
typedef struct {
    uint64_t requests;                 // warp instructions with a lane that touched it
    uint64_t transfers, ideal;
    uint64_t read, written;            // bytes, of all lanes; what is updated atomically is both
} VgpuTraffic;

typedef struct {
    uint64_t    executions, lanes;     // warp instructions issued; lanes that did them
    uint64_t    flops;                 // an addition or a product is one, fused ones are two
    VgpuTraffic global, shared, local;
} VgpuCount;

typedef struct { const char *file; int line; } VgpuPlace;

enum { VGPU_PLACES = 8 };

typedef struct {
    VgpuPlace places[VGPU_PLACES];     // where it stands, the call that inlined that, ..., the outermost last
    int       place_count;             // 0: there is no .loc
    char      ptx[100];
    VgpuClass class;
    VgpuCount count;
} VgpuCounter;

typedef struct {                       // begins as { 0 }; launches of one kernel are added up
    const char  *kernel;               // a name that lives as long as the module, as the files'
    VgpuCounter *list;                 // one for each instruction, in the order in which they are laid out
    int          count;
    uint64_t     launches;
} VgpuCounters;

void      vgpu_counters_close(VgpuCounters *c);
// Of all instructions of a class; VGPU_CLASSES: of all.
VgpuCount vgpu_counters_sum(const VgpuCounters *c, VgpuClass class);
void      vgpu_count_add(VgpuCount *to, const VgpuCount *from);

// --- launches ----------------------------------------------------------------------------------------

typedef struct {
    unsigned           grid[3], block[3];
    unsigned           shared_bytes;   // dynamic shared memory
    const void *const *params;         // a pointer to each one's value, as cuLaunchKernel takes them
    bool               check;          // watch memory: bounds, alignment, what is uninitialised, races
    VgpuMemory        *memory;         // what there is of global memory; NULL: pointers are trusted
    int                threads;        // of the host; blocks are dealt out to them. 0: 1. Checked: 1
    uint64_t           seed;           // not 0: warps take turns at random, and blocks run backwards
    int64_t            max_steps;      // instructions that a warp may take; 0: no limit
    VgpuReports       *reports;        // gets all that was found; NULL: only `err` tells
    uint64_t          *warp_steps;     // gets the number of warp instructions; NULL: not wanted
    VgpuCounters      *counters;       // what was counted is added to them; NULL: nothing is counted
} VgpuLaunch;

// Runs a kernel to its end. False when the launch is refused, or when something was found: `err` is
// then the first report. An access that is out of bounds is not done: a load gives bytes 0xcb.
bool vgpu_launch(const VgpuModule *m, const char *symbol, const VgpuLaunch *l, char err[VGPU_ERROR]);
#endif
