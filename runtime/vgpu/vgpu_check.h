// What watches memory: which host address an access goes to, whether it may, and the reports.
#ifndef RUNTIME_VGPU_CHECK_H
#define RUNTIME_VGPU_CHECK_H
#include "runtime/vgpu/vgpu_warp.h"

// A byte of shared memory, when checked. BYTE_ON_ITS_WAY: a cp.async that was not waited for writes it.
typedef enum { BYTE_UNKNOWN, BYTE_KNOWN, BYTE_ON_ITS_WAY } ByteState;

typedef enum { ACCESS_READ, ACCESS_WRITE, ACCESS_COPY } Access;        // COPY: is written in the background

// The host's addresses of accesses to `bytes` bytes at `at` (offsets in shared, local and param memory).
// Reports what is not allowed, and sends it to a place where it does no harm.
void vgpu_locate(Warp *w, const Insn *i, Space space, uint32_t mask, const uint64_t at[LANES],
                 unsigned bytes, Access access, uint8_t *host[LANES]);

// Notes what a lane of a warp did. Ends the launch when nothing sensible can follow.
void vgpu_report(Warp *w, const Insn *i, int lane, VgpuFault fault, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

// Is [at, at + bytes) within one allocation? `hint` is an index that saves searching: where the
// last one was found.
bool vgpu_memory_holds(const VgpuMemory *m, uint64_t at, unsigned bytes, int *hint);
// Says in words where an address is that no allocation holds.
void vgpu_memory_describe(const VgpuMemory *m, uint64_t at, char *to, size_t size);
#endif
