// Writes checkpoints while the run goes on: one at a time, in a thread of its own, from a snapshot.
#ifndef RUNTIME_TRAIN_SAVER_H
#define RUNTIME_TRAIN_SAVER_H
#include "runtime/train/checkpoint.h"

typedef struct Saver Saver;

// A checkpoint on its way, and what became of it.
typedef struct {
    CheckpointImage image;             // its bytes are freed once they are written
    char           *path;              // allocated
    int64_t         epoch, step;
    bool            is_written;
    char            err[CHECKPOINT_ERROR];         // where it is not
} SaverJob;

Saver *saver_open(void);                                   // NULL: a thread cannot be had
// Waits for the one under way; what became of it is lost. NULL is allowed.
void   saver_close(Saver *s);
// Takes a job over. The one before must have been taken by saver_take.
void   saver_start(Saver *s, const SaverJob *job);
// The job that has ended; `wait` waits for the one under way. False: there is none. Its path is the caller's.
bool   saver_take(Saver *s, bool wait, SaverJob *job);
#endif
