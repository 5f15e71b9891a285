// What a run remembers besides weights and position: rates that events have set, which conditions
// were true, sums and results so far, files kept. A checkpoint carries it as text, so that a
// resumed run does what the uninterrupted one would have done.
#ifndef RUNTIME_TRAIN_MEMORY_H
#define RUNTIME_TRAIN_MEMORY_H
#include "runtime/session.h"
#include "runtime/train/plateau.h"

enum { MEMORY_FILES = 64 };

// A file that a `save` has written, in the order of writing.
typedef struct { char *path; const Action *by; double score; } KeptFile;      // score: less is better

typedef struct {
    double       *fixed;               // by setting; see Rates
    bool         *was_true;            // by event: its condition at the last look
    SessionResult sum;                 // of the epoch so far
    Plateau      *plateaus;            // by event; unused where it has none
    double        last_loss, last_metrics[SESSION_METRICS];      // of the last epoch; NAN: none yet
    double        test_loss, test_metrics[SESSION_METRICS];      // of the last test
    double        score;               // of the last test, else of the last epoch: the share of
                                       // errors, or the loss where no metric is reported
    KeptFile      files[MEMORY_FILES];
    int           file_count;
} Memory;

bool  memory_open(Memory *m, const TrainRecipe *t);           // false: out of memory
void  memory_close(Memory *m);
// JSON in one line, to be freed; NULL: out of memory.
char *memory_text(const Memory *m, const TrainRecipe *t);
// Takes a text over an open memory. False when it was not made for this recipe.
bool  memory_read(Memory *m, const TrainRecipe *t, const char *text);
// Notes a file that a `save` is about to write, so that a checkpoint knows of itself. False: out of memory.
bool  memory_note(Memory *m, const Action *a, const char *path);
// It was not written after all.
void  memory_forget(Memory *m, const char *path);
// It was: deletes the files of the same `save` that it does not keep, all but the newest a->keep and the
// best. Nothing is deleted where keep is 0, or where no `save` has noted the path.
void  memory_drop(Memory *m, const char *path);
#endif
