// run.jsonl: one JSON object a line for every event of a run. docs/training.md has the schema.
#ifndef RUNTIME_TRAIN_LOG_H
#define RUNTIME_TRAIN_LOG_H
#include "runtime/train/train.h"

typedef struct Log Log;

// Opens folder/run.jsonl for a new run (step -1), or to go on behind `step`: lines of later steps
// are cut. NULL when it cannot be written; all functions take NULL and then do nothing.
Log *log_open(const char *folder, int64_t step, const Program *p, uint64_t seed);
void log_result(Log *l, const char *event, const TrainRecipe *t, const TrainReport *r, int64_t step);
void log_save(Log *l, const char *path, int64_t epoch, int64_t step);
void log_end(Log *l, TrainEnd end, int64_t epoch, int64_t step);
void log_close(Log *l);
#endif
