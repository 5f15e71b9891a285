// The memory of logical devices: one mapping each, with guard words between what lives in it.
#ifndef RUNTIME_CPU_ARENA_H
#define RUNTIME_CPU_ARENA_H
#include "runtime/device.h"
#include "runtime/guards.h"

typedef struct { char *base, *mapping; size_t mapped; } CpuArena;

// Zeroed, aligned to pages, huge ones where the machine has them; a guard before and after.
bool cpu_arena_open(CpuArena *a, const ProgramDevice *d, char err[DEVICE_ERROR]);
void cpu_arena_close(CpuArena *a);
void guards_fill(const Guards *g, CpuArena *arenas);
bool guards_check(const Guards *g, const Program *p, const CpuArena *arenas, char err[DEVICE_ERROR]);
#endif
