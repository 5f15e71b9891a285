// What watches memory: which host address an access goes to, whether it may, and the reports.
#ifndef RUNTIME_VGPU_CHECK_H
#define RUNTIME_VGPU_CHECK_H
#include "runtime/vgpu/vgpu_order.h"

// A byte of shared memory, when checked. BYTE_ON_ITS_WAY: a cp.async that was not waited for writes it.
typedef enum { BYTE_UNKNOWN, BYTE_KNOWN, BYTE_ON_ITS_WAY } ByteState;

// COPY: is written in the background.
typedef enum { ACCESS_READ, ACCESS_WRITE, ACCESS_COPY, ACCESS_ATOMIC } Access;

// The host's addresses of accesses to `bytes` bytes at `at` (offsets in shared, local and param memory).
// Reports what is not allowed, and sends it to a place where it does no harm.
void vgpu_locate(Warp *w, const Insn *i, Space space, uint32_t mask, const uint64_t at[LANES],
                 unsigned bytes, Access access, uint8_t *host[LANES]);

// Notes what a lane of a warp did. Ends the launch when nothing sensible can follow.
void vgpu_report(Warp *w, const Insn *i, int lane, VgpuFault fault, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

// The same of a copy or its like. Reports of one place (`where`) and fault are one.
void vgpu_report_host(VgpuReports *reports, const char *name, const void *where, VgpuFault fault,
                      const char *fmt, ...) __attribute__((format(printf, 5, 6)));

// The instruction's text on one line, without its end.
void vgpu_copy_ptx(const char *text, char *to, int size);

// What an access touches. Events of epochs before `first` do not count.
typedef struct {
    CellGroup  *groups;
    size_t      cell;                  // the first one, and how many
    int         count;
    uint32_t    first;
    const char *name;                  // of the allocation; NULL: shared memory
    uint64_t    at;                    // the byte in it
    VgpuOrder  *order;                 // of the launches before this one; NULL: they have all ended
} Accessed;

// Reports when an access races with one before it, and remembers it.
void vgpu_race(Warp *w, const Insn *i, int lane, const Accessed *what, Access access);

// Is [at, at + bytes) within one allocation? `hint` is an index that saves searching: where the
// last one was found.
bool vgpu_memory_holds(const VgpuMemory *m, uint64_t at, uint64_t bytes, int *hint);
// All that a kernel may touch lies between these two, but what the last owner has.
void vgpu_memory_bounds(const VgpuMemory *m, uint64_t *first, uint64_t *limit);
// Of the bytes from an address on: has it no value? NULL: all of the allocation has.
bool *vgpu_memory_unknown(VgpuMemory *m, int index, uint64_t at);
// The cells around an address within allocation `index`, each of `bytes` bytes or fewer; NULL: no memory.
const CellPage *vgpu_memory_page(VgpuMemory *m, int index, uint64_t at, unsigned bytes);
// All that a launch may touch around an address. False: not so many bytes there, or no memory for cells.
bool vgpu_memory_window(VgpuMemory *m, uint64_t at, uint64_t bytes, Window *to);
struct VgpuRegions *vgpu_memory_regions(const VgpuMemory *m);            // NULL: there are none
VgpuOrder *vgpu_memory_order(const VgpuMemory *m);       // NULL: there is none
// Its name, and where in it an address is.
const char *vgpu_memory_name(const VgpuMemory *m, int index, uint64_t at, uint64_t *offset);
// The first epoch of a launch, and, when it has ended, the last.
uint32_t vgpu_memory_begin_epochs(VgpuMemory *m);
void     vgpu_memory_end_epochs(VgpuMemory *m, uint32_t last);
// Says in words where an address is that no allocation holds.
void vgpu_memory_describe(const VgpuMemory *m, uint64_t at, char *to, size_t size);
#endif
