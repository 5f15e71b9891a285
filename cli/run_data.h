// The data of a verb that runs a net on them.
#ifndef CLI_RUN_DATA_H
#define CLI_RUN_DATA_H
#include "cli/run.h"
#include "runtime/data/data.h"
#include "runtime/train/checkpoint.h"

enum { RUN_TRAIN_SET = 1, RUN_TEST_SET = 2 };

// Opens `sets` (RUN_...) of the file's data section, for the net's images and classes. `from`: what a
// checkpoint knows of its data, so that a test needs no training set; or NULL. `bad`: "skip", "stop" or NULL.
// False: printed why, at the stage that is at fault; data_close is right in both cases.
bool run_open_data(Compilation *c, const RunOptions *o, const char *bad, unsigned sets,
                   const CheckpointData *from, Data *data);
#endif
