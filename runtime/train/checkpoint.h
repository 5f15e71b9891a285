// Checkpoints: safetensors files (8 bytes of length, a JSON header, raw little-endian floats) that
// hold every parameter, every velocity ("conv1.weights.velocity") and, as metadata, where the run is.
#ifndef RUNTIME_TRAIN_CHECKPOINT_H
#define RUNTIME_TRAIN_CHECKPOINT_H
#include "runtime/session.h"

enum { CHECKPOINT_ERROR = 512 };

typedef struct {
    int64_t  epoch, step;          // finished so far
    uint64_t seed;
    uint64_t plan_hash[2];         // of the program that made it
    // What events have done so far: by setting the number that stands over its expression (NAN:
    // none), by event whether its condition held at the last look. Both NULL, or the caller's.
    double  *fixed;
    bool    *was_true;
} CheckpointState;

// Written beside `path` under another name, synced, renamed; the folder is synced, too: whatever
// happens, `path` is either the old file or the whole new one. False with `err` filled.
bool checkpoint_save(Session *s, const char *path, const CheckpointState *state,
                     char err[CHECKPOINT_ERROR]);
// Reads parameters, and velocities when `state` is wanted (resume). Every parameter of the program
// must be there with its shape; the file is checked before anything is written to the session.
// With `state` the file's plan must be the program's: another one would not give the same bits.
bool checkpoint_load(Session *s, const char *path, CheckpointState *state, char err[CHECKPOINT_ERROR]);
#endif
