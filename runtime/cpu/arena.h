// The memory of logical devices: one mapping each, with guard words between what lives in it.
#ifndef RUNTIME_CPU_ARENA_H
#define RUNTIME_CPU_ARENA_H
#include "runtime/device.h"

typedef struct { char *base, *mapping; size_t mapped; } CpuArena;

// PROGRAM_GUARD bytes that nobody may write while a sequence is the current one.
typedef struct { int device; int64_t at; const char *before; } Guard;
typedef struct { Guard *list; int count; } Guards;

// Zeroed, aligned to pages, huge ones where the machine has them; a guard before and after.
bool cpu_arena_open(CpuArena *a, const ProgramDevice *d, char err[DEVICE_ERROR]);
void cpu_arena_close(CpuArena *a);
// Where guards stand while a sequence runs: in the gaps between the buffers it uses. False: memory.
bool guards_find(const Program *p, int sequence, Guards *g);
void guards_fill(const Guards *g, CpuArena *arenas);
bool guards_check(const Guards *g, const Program *p, const CpuArena *arenas, char err[DEVICE_ERROR]);
#endif
