// A run of the training loop in a test: the net of a file compiled, a session, its data. Whatever
// goes wrong in here fails the test.
#ifndef REFERENCE_TRAINING_H
#define REFERENCE_TRAINING_H
#include "compile.h"
#include "runtime/train/train.h"

typedef struct {
    Compilation  c;
    Session     *s;
    Data         data;
    TrainOptions o;                    // for the test to fill; `data` and `loader_threads` are set
    char         err[TRAIN_ERROR];
} Training;

// The two halves of opening: `front` may be NULL.
void training_compile(Training *t, const char *path, const FrontOptions *front);
void training_start(Training *t, int threads, uint64_t seed);
void training_close(Training *t);

// Both, with memory for it; freed by training_free.
Training *training_open(const char *path, const FrontOptions *front, int threads);
void training_free(Training *t);

void training_run(Training *t);                            // to its end, which must be TRAIN_DONE
void training_assert_same(Training *a, Training *b);       // weights and velocities, bit by bit
#endif
