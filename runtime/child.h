// Programs run as children: found on PATH, started with an argv (no shell), a short environment and
// their output in a file.
#ifndef RUNTIME_CHILD_H
#define RUNTIME_CHILD_H
#include "runtime/device.h"
#include <limits.h>
#include <sys/types.h>

// The file that `name` means, as execvp would find it, links resolved; false: none.
bool child_find(const char *name, char path[PATH_MAX]);
// Starts argv[0]; both of its outputs go to the file `output`, made new. `what` names the program in
// the message when it cannot be started.
bool child_start(pid_t *child, const char *what, char *const *argv, const char *output,
                 char err[DEVICE_ERROR]);
// Waits for its end: its exit status, 128 + n after signal n, -1 when it was lost.
int  child_wait(pid_t child);
#endif
