// How much memory this process really holds, as the system counts it.
#ifndef RUNTIME_RESIDENT_H
#define RUNTIME_RESIDENT_H
#include <stdbool.h>
#include <stdint.h>

// Bytes resident now, and at most since the process began. False where the system does not tell.
bool resident_bytes(int64_t *now, int64_t *most);
#endif
