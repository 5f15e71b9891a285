// Files that survive whatever ends a run: a kill, a full disk, a power cut.
#ifndef RUNTIME_DURABLE_H
#define RUNTIME_DURABLE_H
#include <stdbool.h>
#include <stddef.h>

enum { DURABLE_ERROR = 512 };

// Writes all bytes to an open file, whatever pieces the system takes. False: errno says why.
bool durable_bytes(int file, const void *bytes, size_t size);
// Makes `path` hold these bytes: written beside it under another name, synced, renamed, and the folder
// synced. So `path` is at every moment what it was or all of the new. False with the path and the reason in
// err; then it is what it was, unless only the last sync failed.
bool durable_write(const char *path, const void *bytes, size_t size, char err[DURABLE_ERROR]);
// Deletes what writers that were killed have left in a folder. For who has locked the folder.
void durable_sweep(const char *folder);
#endif
