// A run while it goes on: what the files of the training loop share. Nobody else includes this.
#ifndef RUNTIME_TRAIN_RUN_H
#define RUNTIME_TRAIN_RUN_H
#include "runtime/rates.h"
#include "runtime/train/log.h"
#include "runtime/train/memory.h"
#include "runtime/train/saver.h"
#include "runtime/train/train.h"

enum { RUN_MOST_FAILURES = 3 };        // checkpoints in a row that cannot be written end a run

typedef struct {
    Session            *s;
    const Program      *p;
    const TrainRecipe  *recipe;
    const TrainOptions *o;
    char               *err;
    int                 sequence;
    Rates               rates;
    ParamRates         *param_rates;
    Log                *log;
    Saver              *saver;
    int64_t             epoch, step;   // finished
    int64_t             steps;         // of the whole run; 0: until something stops it
    int64_t             saved;         // step of the last checkpoint begun; -1: none, or it failed
    int64_t             unsaved;       // checkpoints that could not be written
    int                 failures;      // of them in a row
    char                why_unsaved[TRAIN_ERROR];       // the last of them
    bool                resumed;
    char                from[SAFETENSORS_HASH];         // hash of the checkpoint that it goes on from
    Memory              memory;
    bool                stopping;
    TrainEnd            fault;         // what a function that returns false ends the run with
} Run;

void run_tell(const Run *r, const TrainReport *report);
// To the caller and to the log.
void run_warn(Run *r, const char *text);

// --- saving.c -----------------------------------------------------------------------------------

// Takes a snapshot and has it written while the run goes on; `by` is NULL for a checkpoint that no event
// asked for. False where the weights are spoilt (they would take the place of good ones), or as run_settle.
bool run_save(Run *r, const char *pattern, const Action *by);
// Tells and logs what became of the checkpoint under way, deletes what need not be kept any longer. `wait`:
// until it is written. False: one more has failed than a run may have in a row.
bool run_settle(Run *r, bool wait);
// Goes on from o->resume, a file or a folder. False with r->err filled.
bool run_resume(Run *r);
#endif
