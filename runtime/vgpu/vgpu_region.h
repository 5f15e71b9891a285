// Named parts of allocations. A launch may touch those that it has pointers to, to the byte.
#ifndef RUNTIME_VGPU_REGION_H
#define RUNTIME_VGPU_REGION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VgpuRegions VgpuRegions;

VgpuRegions *vgpu_regions_open(void);                    // NULL: no memory
void vgpu_regions_close(VgpuRegions *r);                 // NULL is allowed, here and below
bool vgpu_regions_add(VgpuRegions *r, uint64_t at, uint64_t bytes, const char *name);
void vgpu_regions_remove(VgpuRegions *r, uint64_t at, uint64_t bytes);   // all that lie there

// A launch begins, and has pointers wherever 8 bytes of its parameters are the address of a region's
// beginning; where there is none that begins there, of those that hold it.
void vgpu_regions_aim(VgpuRegions *r, const uint8_t *params, size_t bytes);
void vgpu_regions_end(VgpuRegions *r);
// Does a launch run, and is there a region in this allocation?
bool vgpu_regions_apply(const VgpuRegions *r, uint64_t at, uint64_t bytes);
bool vgpu_regions_hold(VgpuRegions *r, uint64_t at, uint64_t bytes);
// All of the region that holds these bytes; size 0: there is none.
void vgpu_regions_part(VgpuRegions *r, uint64_t at, uint64_t bytes, uint64_t *first, uint64_t *size);
// The name of a region that the launch has a pointer to, and where in it `at` is; NULL: none holds it.
const char *vgpu_regions_name(const VgpuRegions *r, uint64_t at, uint64_t *offset);
// Says in words where `at` is, beside all that the launch has pointers to.
void vgpu_regions_describe(const VgpuRegions *r, uint64_t at, char *to, size_t size);
#endif
