// Images and labels for verbs that need some, whatever they show: pure functions of the seed.
#ifndef CLI_RANDOM_BATCH_H
#define CLI_RANDOM_BATCH_H
#include "runtime/session.h"

typedef struct { float *images[8]; int32_t *labels; } RandomBatch;

// For a training sequence of the session. False: memory.
bool random_batch_open(RandomBatch *b, const Session *s, int sequence, uint64_t seed);
void random_batch_close(RandomBatch *b);
// Sets the rates that the file's train section gives at a step; 0.01 where it has none.
bool random_batch_rates(Session *s, int64_t step, char *err);
#endif
