// Bytes between the buffers of an arena that nobody may write: where they stand.
#ifndef RUNTIME_GUARDS_H
#define RUNTIME_GUARDS_H
#include "program/program.h"

enum { GUARD_BYTE = 0xC5 };            // what they are filled with

// PROGRAM_GUARD bytes that nobody may write while a sequence is the current one.
typedef struct { int device; int64_t at; const char *before; } Guard;
typedef struct { Guard *list; int count; } Guards;             // free(list) ends it

// Where guards stand while a sequence runs: in the gaps between the buffers it uses. False: memory.
bool guards_find(const Program *p, int sequence, Guards *g);
#endif
