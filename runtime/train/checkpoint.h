// Checkpoints: sealed safetensors files that hold every parameter, every velocity
// ("conv1.weights.velocity") and, as metadata, where the run is.
#ifndef RUNTIME_TRAIN_CHECKPOINT_H
#define RUNTIME_TRAIN_CHECKPOINT_H
#include "runtime/session.h"
#include "runtime/train/safetensors.h"

enum { CHECKPOINT_ERROR = 512 };

typedef struct {
    int64_t  epoch, step;          // finished so far
    uint64_t seed;
    uint64_t plan_hash[2];         // of the program that made it
    char    *memory;               // what the loop remembers, as text; NULL: nothing. Allocated by
                                   // checkpoint_load: the caller frees it
    char     hash[SAFETENSORS_HASH];   // of the tensors, as text; filled by checkpoint_load, "": unknown
    // Written only; checkpoint_data reads them.
    const float *mean;             // what the data section subtracts, tensor "data.mean"; or NULL
    Shape    mean_shape;
    const char *const *class_names;    // class_count of them, or NULL
    int      class_count;
} CheckpointState;

// What a net needs to know of the data it was trained on. Absent in a file: NULL and 0.
typedef struct {
    float *mean;
    int64_t mean_count;
    char **class_names;
    int    class_count;
} CheckpointData;

// The bytes of a whole file, and the hash of its tensors.
typedef struct {
    char  *bytes;                      // NULL: none
    size_t size;
    char   hash[SAFETENSORS_HASH];
} CheckpointImage;

// Takes what a checkpoint holds out of the session, which may go on afterwards. *bad: the first parameter
// that is not finite, -1: all are. The image is the caller's, to be freed, if it is true.
bool checkpoint_snapshot(Session *s, const CheckpointState *state, CheckpointImage *image, int *bad,
                         char err[CHECKPOINT_ERROR]);
void checkpoint_free(CheckpointImage *image);
// Both at once, by durable_write.
bool checkpoint_save(Session *s, const char *path, const CheckpointState *state,
                     char err[CHECKPOINT_ERROR]);
// Reads parameters, and velocities when `state` is wanted (resume). Every parameter of the program
// must be there with its shape; the file, whole and undamaged, is checked before anything is written to
// the session.
// With `state` the file's plan must be the program's: another one would not give the same bits.
bool checkpoint_load(Session *s, const char *path, CheckpointState *state, char err[CHECKPOINT_ERROR]);
// Reads them; checkpoint_data_free is right after a failure, too.
bool checkpoint_data(const char *path, CheckpointData *d, char err[CHECKPOINT_ERROR]);
void checkpoint_data_free(CheckpointData *d);
#endif
