// Which operations that share a memory end before which begin: vector clocks. An operation is a launch, or
// a copy or its like; its accesses are of epochs of its own (vgpu_race.c).
#ifndef RUNTIME_VGPU_ORDER_H
#define RUNTIME_VGPU_ORDER_H
#include "runtime/vgpu/vgpu_warp.h"

enum { COPY_EVENT = 0x7fffffff };      // the insn of an Event that is no kernel's
enum { ORDER_READERS = 6 };            // of a set; there is room for as many streams that only read

typedef struct VgpuOrder VgpuOrder;

VgpuOrder *vgpu_order_open(void);                                  // NULL: no memory
void       vgpu_order_close(VgpuOrder *o);                         // NULL is allowed, here and below
void       vgpu_order_forget(VgpuOrder *o);                        // all that was; epochs begin anew

// An operation begins, whose first epoch this is. False: no memory.
bool vgpu_order_begin(VgpuOrder *o, uint32_t epoch, int queue, const VgpuClock *clock, const char *name);
void vgpu_order_runs(VgpuOrder *o, const VgpuModule *module, const Kernel *kernel);       // is this kernel
const char *vgpu_order_name(const VgpuOrder *o);
void vgpu_order_settle(VgpuOrder *o, const VgpuClock *known);
void vgpu_order_unload(VgpuOrder *o, const VgpuModule *module);

// Does all that an event stands for end before the operation that runs begins?
bool vgpu_order_is_before(const VgpuOrder *o, const Event *e);
// The epochs around this one of operations that all end before the operation that runs begins; false:
// its own does not.
bool vgpu_order_done(const VgpuOrder *o, uint32_t epoch, uint32_t *first, uint32_t *count);
// What runs now follows all epochs before this one.
uint32_t vgpu_order_settled(const VgpuOrder *o);
// The operation that runs reads where `before` says who else did, whom it does not follow: its own event
// becomes one that stands for them all.
void vgpu_order_join(VgpuOrder *o, const Event *before, Event *own);
// Says in words what the event is of, that the operation that runs does not follow.
void vgpu_order_describe(const VgpuOrder *o, const Event *e, bool writes, char *to, size_t size);
#endif
