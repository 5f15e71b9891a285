// Which checkpoint of a folder a run goes on from.
#ifndef RUNTIME_TRAIN_NEWEST_H
#define RUNTIME_TRAIN_NEWEST_H
#include "runtime/train/checkpoint.h"

typedef enum {
    NEWEST_FOUND,
    NEWEST_NONE,                       // no checkpoint lies there
    NEWEST_DAMAGED                     // there are some, none of which can be read
} Newest;

// Called for each file that is passed over, with its path and what is wrong with it.
typedef void NewestTold(void *context, const char *what);

// The file written last of those named *.safetensors in a folder that are checkpoints, undamaged to their
// last byte. *path is the caller's. Tensor files without the metadata of a checkpoint are none. `err` is
// filled unless it is found.
Newest newest_checkpoint(const char *folder, NewestTold *told, void *context, char **path,
                         char err[CHECKPOINT_ERROR]);
#endif
