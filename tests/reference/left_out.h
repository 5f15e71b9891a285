// Does anybody notice when a wait, an event or a piece of a copy is missing? Training steps on virtual GPUs
// that watch the order of everything, again and again with one of these left out.
#ifndef REFERENCE_LEFT_OUT_H
#define REFERENCE_LEFT_OUT_H
#include "reference/gpu_run.h"

typedef enum {
    LEFT_WAIT,                         // of a command of the program for another
    LEFT_COPY,                         // of the program, all of it
    LEFT_EVENT_WAIT,                   // of a stream
    LEFT_RECORD,                       // of an event
    LEFT_PACK, LEFT_BRING, LEFT_UNPACK,        // a copy's parts
    LEFT_KINDS
} LeftKind;

typedef enum { NOTICED_BY_REPORT, NOTICED_BY_NUMBERS, NOTICED_BY_REFUSAL, NOTICED_WAYS } Noticed;

typedef struct {
    int  made[LEFT_KINDS], by[NOTICED_WAYS];
    int  later;                        // only in another order of the streams than the first
    int  unnoticed;
    char survivors[2048];              // one a line: what was left out and what came of it
} LeftOut;

// Tries `every`th of all that can be left out: of the program, and of what the runtime asks of the driver, in
// the step that it enqueues and in the one that it captures and replays. What nobody notices is tried in
// other orders of the streams. A mutant of the program must also be refused by program_validate. Adds up in
// `sum`; false when the run with nothing left out fails, with the reason in `why`.
bool left_out_try(const GpuRun *run, int every, LeftOut *sum, char why[SESSION_ERROR]);
#endif
