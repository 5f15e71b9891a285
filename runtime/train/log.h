// run.jsonl: one JSON object a line for every event of a run. docs/training.md has the schema.
#ifndef RUNTIME_TRAIN_LOG_H
#define RUNTIME_TRAIN_LOG_H
#include "runtime/train/initial_weights.h"
#include "runtime/train/train.h"

typedef struct Log Log;

// Opens folder/run.jsonl for a new run (step -1), or to go on behind `step`, with `epoch` epochs finished:
// lines of later steps and epochs are cut. `from`: the hash of the checkpoint that it goes on from. NULL with
// the reason in err when it cannot be written.
Log *log_open(const char *folder, int64_t epoch, int64_t step, const Program *p, uint64_t seed,
              const char *from, char err[TRAIN_ERROR]);
// A line is in the log as a whole or not at all; what cannot be written is counted. NULL is allowed.
void log_result(Log *l, const char *event, const TrainRecipe *t, const TrainReport *r, int64_t step);
// Means over the steps since the last such line; `lr`: the rate of the net's first parameter.
void log_step(Log *l, const TrainRecipe *t, const TrainReport *r, int64_t step, double lr);
void log_init(Log *l, const InitLine *line);
void log_save(Log *l, const char *path, const char *hash, int64_t epoch, int64_t step);
void log_warning(Log *l, const char *text, int64_t epoch, int64_t step);
void log_end(Log *l, TrainEnd end, int64_t epoch, int64_t step);
// Lines lost, and why the last one was ("": none).
int  log_lost(const Log *l, const char **why);
void log_close(Log *l);
#endif
