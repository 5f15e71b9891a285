// What a checked access of a whole warp does when nothing is wrong with it (watch.c).
#ifndef RUNTIME_VGPU_WATCH_H
#define RUNTIME_VGPU_WATCH_H
#include "runtime/vgpu/insn/lanes.h"

// As vgpu_locate, for those lanes of the mask of which it can tell that their accesses are allowed and race
// with nothing; they are remembered. Gives the lanes that are left, which vgpu_locate looks at one by one.
uint32_t LEVEL(insn_watch)(Warp *w, const Insn *i, Space space, uint32_t mask, const u64 at[LANES],
                           unsigned bytes, Access access, u8 *host[LANES]);

// The bytes of a copy to shared memory have come.
void LEVEL(insn_watch_arrival)(Warp *w, const Insn *i, uint32_t mask, u8 *const to[LANES], unsigned bytes);
#endif
