// One run a folder: two of them would write over each other's checkpoints and log.
#ifndef RUNTIME_TRAIN_LOCK_H
#define RUNTIME_TRAIN_LOCK_H
#include <stdbool.h>

enum { LOCK_ERROR = 512 };

// -1: not held.
typedef struct { int file; char path[4096]; } RunLock;

// Takes folder/run.lock (NULL: of the working folder). False when a living process holds it: err
// says which. What a dead one has left behind is taken over.
bool lock_take(RunLock *l, const char *folder, char err[LOCK_ERROR]);
void lock_release(RunLock *l);
#endif
