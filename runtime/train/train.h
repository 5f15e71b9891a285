// The training loop: epochs, steps, events, tests, checkpoints, the log. Prints nothing: what
// happens is told to the caller.
#ifndef RUNTIME_TRAIN_TRAIN_H
#define RUNTIME_TRAIN_TRAIN_H
#include "runtime/data/data.h"
#include "runtime/session.h"
#include "runtime/train/manifest.h"
#include <signal.h>

enum { TRAIN_ERROR = 512 };

typedef enum {
    TRAIN_STEP, TRAIN_EPOCH, TRAIN_TESTED, TRAIN_SAVED, TRAIN_PRINTED, TRAIN_WARNED, TRAIN_RESUMED,
    TRAIN_NOTED
} TrainNews;

// How much a step has changed a layer's weights: |after - before| / |before|.
typedef struct { const char *name; double size; } UpdateSize;

typedef struct {
    TrainNews   kind;
    int64_t     epoch, epochs;         // epochs finished, in all (0: no end is set)
    int64_t     step, steps;           // steps of this epoch done, in all
    double      loss;                  // mean over the images: of a test, else of the epoch so far
    double      metrics[SESSION_METRICS];      // shares, in order of the recipe's
    double      images_per_second;
    double      waited;                // share of the time that the step waited for data
    double      seconds_left;          // TRAIN_STEP: of the whole run, as fast as so far; NAN: unknown
    const UpdateSize *updates;         // TRAIN_EPOCH: update_count of them, of its last step; those
    int         update_count;          // without a name were not measured
    const char *text;                  // TRAIN_SAVED, _RESUMED: the path; TRAIN_WARNED, _NOTED: what
} TrainReport;

typedef struct {
    const Data *data;
    int64_t     epochs, steps;         // 0: the recipe's epochs; no limit of steps
    double      save_seconds;          // so long without a checkpoint, and one is written, if there is an
                                       // `out`; 0: ten minutes
    const char *out;                   // folder of checkpoints and run.jsonl; NULL: the working folder
    const char *init;                  // safetensors that the first weights come from; NULL: they are drawn
    bool        init_partly;           // parameters that are not there, or of another shape, are drawn
    const char *resume;                // a checkpoint, or a folder: the newest one in it that can be
                                       // read, none yet: the run begins; or NULL
    const RunFacts *facts;             // for manifest.json in `out`; NULL: none is written
    int         loader_threads;
    bool        skip_bad;
    volatile sig_atomic_t *stop;       // set by a signal: finish the step, save, return; or NULL
    volatile sig_atomic_t *save;       // set by a signal: finish the step, save, go on; or NULL
    void      (*tell)(void *context, const TrainReport *r);
    void       *context;
} TrainOptions;

typedef enum {
    TRAIN_DONE,                        // the epochs, the steps or `stop()` were reached
    TRAIN_STOPPED,                     // by *stop
    TRAIN_FAILED,
    TRAIN_NUMERICAL,                   // a loss or a weight is not finite
    TRAIN_UNSAVED,                     // checkpoints or lines of the log are missing; as the first two,
                                       // or after three checkpoints in a row that could not be written
    TRAIN_REFUSED                      // what was to be resumed cannot be
} TrainEnd;

// Trains until the epochs, the steps or an event end it, alone in its folder. All ends but the
// first two fill err. Checkpoints are written while the run goes on, from a snapshot; the last one is waited
// for. One that cannot be written is told as a warning. After TRAIN_NUMERICAL the session's parameters are
// those of no step in particular.
TrainEnd train_run(Session *s, const TrainOptions *o, char err[TRAIN_ERROR]);
// One pass over the test set: mean loss and metrics over its images. False with err filled.
bool     train_test(Session *s, const TrainOptions *o, TrainReport *r, char err[TRAIN_ERROR]);
// False, with what and where, when a recipe asks for what the loop cannot do.
bool     train_accepts(const Recipe *r, Refused *no);
#endif
