// The figures of a run, read back from its run.jsonl: what curves are drawn from.
#ifndef RUNTIME_TRAIN_HISTORY_H
#define RUNTIME_TRAIN_HISTORY_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { HISTORY_ERROR = 512 };

typedef enum { HISTORY_STEP, HISTORY_EPOCH, HISTORY_TEST } HistoryKind;

typedef struct {
    HistoryKind kind;
    int64_t     epoch, step;           // finished
    double      time;                  // seconds since 1970; 0: the log does not say
    double     *values;                // by column, value_count of them; NAN: none
    int         value_count;
} HistoryRow;

typedef struct {
    char      **columns;               // "loss", "top1", "images_per_second", "updates/conv1", ...
    int         column_count;
    HistoryRow *rows;
    int         row_count;
} History;

// Reads folder/run.jsonl. Lines of other events, and a last one that is not whole, are left out. False with
// err filled; history_free is right in both cases.
bool history_read(History *h, const char *folder, char err[HISTORY_ERROR]);
void history_free(History *h);
double history_value(const History *h, int row, int column);           // NAN: none
const char *history_kind(HistoryKind kind);                // "step", "epoch", "test"
// event,epoch,step,time and the columns; what a row does not have is empty.
void history_csv(const History *h, FILE *out);
// Writes an event file into a folder that is there, as TensorBoard reads them: scalars step/loss, epoch/loss,
// test/top1, ... over steps. A later one of the same run replaces it. *path (freed by the caller): the file.
bool history_tensorboard(const History *h, const char *folder, char **path, char err[HISTORY_ERROR]);
#endif
