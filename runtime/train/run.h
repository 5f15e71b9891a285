// A run while it goes on: what the files of the training loop share. Nobody else includes this.
#ifndef RUNTIME_TRAIN_RUN_H
#define RUNTIME_TRAIN_RUN_H
#include "runtime/rates.h"
#include "runtime/train/log.h"
#include "runtime/train/memory.h"
#include "runtime/train/saver.h"
#include "runtime/train/spike.h"
#include "runtime/train/train.h"

enum {
    RUN_MOST_FAILURES = 3,             // checkpoints in a row that cannot be written end a run
    RUN_LOG_STEPS = 50,                // between `step` lines of the log
    RUN_WATCHED = 4096                 // parameters of up to so many elements are looked at behind every step
};

// Steps that are run once more, to find what spoilt a parameter. Nothing of them is told, logged or saved.
typedef struct {
    bool         on;
    int64_t      until;                // the last of them
    bool         trace;                // that one is watched launch by launch; else every one's weights
    int          bad;                  // the first parameter that is not finite; -1: none yet
    SessionTrace found;
} Again;

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
    int64_t             epoch_steps;
    int64_t             saved;         // step of the last checkpoint begun; -1: none, or it failed
    double              saved_at;      // when that was, or when the run began
    int64_t             unsaved;       // checkpoints that could not be written
    int                 failures;      // of them in a row
    char                why_unsaved[TRAIN_ERROR];       // the last of them
    bool                resumed;
    char                from[SAFETENSORS_HASH];         // hash of the checkpoint that it goes on from
    char                good[4096];    // the last checkpoint written, or gone on from; "": none
    Memory              memory;
    Spike               spike;
    SessionResult       recent;        // of the steps since the last `step` line
    UpdateSize         *updates;       // by parameter, of the last step of an epoch; name NULL: not measured
    double              began;         // when the first step of this process began; 0: none has
    int64_t             began_at;      // steps finished then
    int                 spoilt;        // a parameter that is not finite; -1: none
    Again               again;
    float               watched[RUN_WATCHED];
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
// Goes on from this file. The memory must be fresh.
bool run_load(Run *r, const char *path);

// --- loop.c -------------------------------------------------------------------------------------

// Fresh memory, step 0. Of a run that ends and is looked at once more: the first weights, too.
bool run_reset(Run *r);
// From where the run stands to r->again.until.
void run_steps_again(Run *r);

// --- begin.c ------------------------------------------------------------------------------------

// The weights of o->init, if there is one. False with r->err filled.
bool run_init(Run *r);

// --- manifest.c ---------------------------------------------------------------------------------

// Adds this start of the run to manifest.json in its folder; a fault is a warning.
void run_write_manifest(Run *r);

// --- spoilt.c -----------------------------------------------------------------------------------

// Looks at all parameters, or at the small ones, biases above all, which a bad gradient of a map always
// reaches. False: one of them is not finite, r->spoilt says which, and the run's fault is set; or they cannot
// be read.
bool run_look_at_weights(Run *r, bool all);
// Finds where r->spoilt began, from the last good checkpoint on; fills r->err.
void run_explain_spoilt(Run *r);

// --- updates.c ----------------------------------------------------------------------------------

// Weights before a step, to be held against those after it; NULL: no memory for them.
typedef struct Updates Updates;
Updates *run_updates_begin(Run *r);
void     run_updates_end(Run *r, Updates *before);         // fills r->updates; NULL is allowed
#endif
